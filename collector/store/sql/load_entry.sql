-- a row is one ledger entry
INSERT INTO entry BY NAME SELECT unnest(from_json(?, '[{"no":"BIGINT","kind":"VARCHAR","at_us":"BIGINT","segment":"VARCHAR","offset":"BIGINT"}]'), recursive := true)
