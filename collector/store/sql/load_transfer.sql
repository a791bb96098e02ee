-- a row is one statement of a peer about a transfer
INSERT INTO transfer BY NAME SELECT * REPLACE (unhex(pae) AS pae) FROM read_ndjson($file, columns = {
  "device": 'BIGINT', "line": 'BIGINT', "session": 'BIGINT', "pae": 'VARCHAR', "sid": 'VARCHAR', "peer": 'VARCHAR', "seq": 'BIGINT',
  "direction": 'VARCHAR', "at_us": 'BIGINT', "dur_us": 'BIGINT', "bytes": 'BIGINT', "min_rtt_us": 'BIGINT', "received_us": 'BIGINT',
  "stream": 'BIGINT', "entry_no": 'BIGINT', "segment": 'VARCHAR', "offset": 'BIGINT'
})
