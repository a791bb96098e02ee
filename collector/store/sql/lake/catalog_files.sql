-- asked of the catalog: a row is one table of the lake that has files below a size, and how many
SELECT t.table_name, count(*) FROM ducklake_data_file f JOIN ducklake_table t ON t.table_id = f.table_id AND t.end_snapshot IS NULL
WHERE f.end_snapshot IS NULL AND f.file_size_bytes < %(below)s AND t.table_name <> 'loaded' GROUP BY t.table_name ORDER BY t.table_name
