-- a row is one batch refused and kept aside
INSERT INTO refused BY NAME SELECT * FROM read_ndjson($file, columns = {
  "device": 'BIGINT', "batch": 'BIGINT', "error": 'VARCHAR', "at_us": 'BIGINT', "stream": 'BIGINT',
  "entry_no": 'BIGINT', "segment": 'VARCHAR', "offset": 'BIGINT'
})
