-- a row is one accepted batch
INSERT INTO batch BY NAME SELECT unnest(from_json(?, '[{"entry_no":"BIGINT","dev":"VARCHAR","batch":"BIGINT","pae_sha256":"VARCHAR","first_seq":"BIGINT","last_seq":"BIGINT","n":"BIGINT","lost":"BIGINT","sealed_wall_us":"BIGINT","received_us":"BIGINT","receipt":"VARCHAR"}]'), recursive := true)
