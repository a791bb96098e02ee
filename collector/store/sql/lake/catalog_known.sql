-- asked of the catalog: the row is the newest change of who is who, 0 if nobody is
SELECT coalesce(max(f.begin_snapshot), 0) FROM ducklake_data_file f JOIN ducklake_table t ON t.table_id = f.table_id AND t.end_snapshot IS NULL
WHERE f.end_snapshot IS NULL AND t.table_name IN ('line', 'device', 'key_change')
