-- a row is one imported part of a file
INSERT INTO import BY NAME SELECT * FROM read_ndjson($file, columns = {
  "line": 'BIGINT', "source": 'VARCHAR', "n": 'BIGINT', "stream": 'BIGINT', "entry_no": 'BIGINT', "segment": 'VARCHAR',
  "offset": 'BIGINT'
})
