-- a row is one file that no state of the lake holds any more
CALL ducklake_cleanup_old_files('lake', older_than => now() - INTERVAL 1 HOUR)
