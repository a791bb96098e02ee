-- a row is one state of the lake that nobody reads any more
CALL ducklake_expire_snapshots('lake', older_than => now() - INTERVAL 1 HOUR)
