-- a row is one batch whose records are removed
INSERT INTO forgotten BY NAME SELECT * FROM read_ndjson($file, columns = {"entry_no": 'BIGINT'})
