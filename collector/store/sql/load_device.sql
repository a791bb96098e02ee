-- a row is one enrolled key
INSERT INTO device BY NAME SELECT unnest(from_json(?, '[{"entry_no":"BIGINT","dev":"VARCHAR","subscriber":"VARCHAR","enrolled_us":"BIGINT","slot_s":"BIGINT","guard_s":"BIGINT"}]'), recursive := true)
