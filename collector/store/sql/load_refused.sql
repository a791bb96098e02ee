-- a row is one batch refused and kept aside
INSERT INTO refused BY NAME SELECT unnest(from_json(?, '[{"entry_no":"BIGINT","dev":"VARCHAR","batch":"BIGINT","error":"VARCHAR","at_us":"BIGINT"}]'), recursive := true)
