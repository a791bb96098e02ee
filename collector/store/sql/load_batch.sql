-- a row is one accepted batch
INSERT INTO batch BY NAME SELECT * REPLACE (unhex(pae) AS pae) FROM read_ndjson($file, columns = {
  "device": 'BIGINT', "batch": 'BIGINT', "pae": 'VARCHAR', "first_seq": 'BIGINT', "last_seq": 'BIGINT', "n": 'BIGINT',
  "lost": 'BIGINT', "sealed_us": 'BIGINT', "received_us": 'BIGINT', "stream": 'BIGINT', "entry_no": 'BIGINT',
  "segment": 'VARCHAR', "offset": 'BIGINT', "since_us": 'BIGINT', "gone": 'BOOLEAN'
})
