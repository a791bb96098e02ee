-- a row is one complaint
INSERT INTO complaint BY NAME SELECT unnest(from_json(?, '[{"entry_no":"BIGINT","subscriber":"VARCHAR","dev":"VARCHAR","said_us":"BIGINT","received_us":"BIGINT","text":"VARCHAR"}]'), recursive := true)
