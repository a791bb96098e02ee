-- asked of the catalog: a row is one file that became part of the lake after a change of it, by its place in the folder
SELECT s.path || t.path || f.path, f.file_size_bytes, f.begin_snapshot FROM ducklake_data_file f
JOIN ducklake_table t ON t.table_id = f.table_id AND t.begin_snapshot <= f.begin_snapshot AND (t.end_snapshot IS NULL OR f.begin_snapshot < t.end_snapshot)
JOIN ducklake_schema s ON s.schema_id = t.schema_id AND s.end_snapshot IS NULL
WHERE f.end_snapshot IS NULL AND f.path_is_relative AND t.path_is_relative AND s.path_is_relative AND f.begin_snapshot > %(after)s
