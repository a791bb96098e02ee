-- a row is the new grade of one record
INSERT INTO regraded BY NAME SELECT * FROM read_ndjson($file, columns = {
  "device": 'BIGINT', "received_us": 'BIGINT', "stream": 'BIGINT', "entry_no": 'BIGINT', "seq": 'BIGINT', "grade": 'VARCHAR',
  "grade_reason": 'VARCHAR', "session": 'BIGINT', "limited": 'BOOLEAN'
})
