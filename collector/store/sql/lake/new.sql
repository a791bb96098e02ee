-- the row is whether nobody has made tables in the lake yet
SELECT count(*) = 0 FROM ducklake_table_info('lake')
