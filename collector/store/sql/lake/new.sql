-- the row is whether nobody has made tables in the lake yet
SELECT count(*) = 0 FROM duckdb_tables() WHERE database_name = 'lake'
