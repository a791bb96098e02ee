-- a row is one session that a removed record bore
INSERT INTO spent BY NAME SELECT * FROM read_ndjson($file, columns = {
  "device": 'BIGINT', "session": 'BIGINT', "received_us": 'BIGINT', "stream": 'BIGINT', "entry_no": 'BIGINT', "seq": 'BIGINT'
})
