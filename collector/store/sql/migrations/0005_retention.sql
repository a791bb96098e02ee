-- Records that a rule of retention removed (`collector/retain.py`). `gone`: true if those of the batch were; their figures stay in
-- the tables of the days, to which they came with a run or, in an index made anew, from what the ledger keeps of the batch.
ALTER TABLE batch ADD COLUMN gone BOOLEAN;

-- one row for each peer's session that a removed record bore: a later one of the same device must not be the first again
CREATE TABLE spent (device BIGINT NOT NULL, session BIGINT NOT NULL, received_us BIGINT NOT NULL, stream BIGINT NOT NULL, entry_no BIGINT NOT NULL, seq BIGINT NOT NULL);
