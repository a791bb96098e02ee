-- a row is one enrolled key
INSERT INTO device BY NAME SELECT * FROM read_ndjson($file, columns = {
  "id": 'BIGINT', "line": 'BIGINT', "dev": 'VARCHAR', "enrolled_us": 'BIGINT', "slot_s": 'BIGINT', "guard_s": 'BIGINT',
  "stream": 'BIGINT', "entry_no": 'BIGINT', "segment": 'VARCHAR', "offset": 'BIGINT'
})
