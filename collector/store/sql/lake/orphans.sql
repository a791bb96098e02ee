-- a row is one file that never became part of the lake: whoever wrote it was killed, or his commit failed
CALL ducklake_delete_orphaned_files('lake', older_than => now() - INTERVAL 1 DAY)
