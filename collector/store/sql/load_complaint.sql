-- a row is one complaint
INSERT INTO complaint BY NAME SELECT * FROM read_ndjson($file, columns = {
  "line": 'BIGINT', "dev": 'VARCHAR', "said_us": 'BIGINT', "received_us": 'BIGINT', "text": 'VARCHAR',
  "stream": 'BIGINT', "entry_no": 'BIGINT', "segment": 'VARCHAR', "offset": 'BIGINT'
})
