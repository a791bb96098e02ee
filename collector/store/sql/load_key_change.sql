-- a row is one change of a device's keys
INSERT INTO key_change BY NAME SELECT * FROM read_ndjson($file, columns = {
  "device": 'BIGINT', "dev": 'VARCHAR', "kind": 'VARCHAR', "at_us": 'BIGINT', "stream": 'BIGINT', "entry_no": 'BIGINT',
  "segment": 'VARCHAR', "offset": 'BIGINT'
})
