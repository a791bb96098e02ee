-- a row is one subscriber's line
INSERT INTO line BY NAME SELECT * FROM read_ndjson($file, columns = {
  "id": 'BIGINT', "subscriber": 'VARCHAR', "stream": 'BIGINT', "entry_no": 'BIGINT'
})
