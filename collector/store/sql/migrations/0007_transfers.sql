-- What peers say of transfers, of which nobody need ever have delivered a record (`collector/delivered.py`).
-- one row for each statement of a peer about a device. `seq`: the start it was for; `session`: as in `hot`; `pae`: its identity;
-- `peer`: the peer's key; `at_us`: its end by the peer's clock; `bytes`: by the peer's own count
CREATE TABLE transfer (
  device BIGINT NOT NULL, line BIGINT NOT NULL, session BIGINT NOT NULL, pae BLOB NOT NULL, sid VARCHAR NOT NULL, peer VARCHAR NOT NULL,
  seq BIGINT, direction VARCHAR NOT NULL, at_us BIGINT NOT NULL, dur_us BIGINT NOT NULL, bytes BIGINT, min_rtt_us BIGINT,
  received_us BIGINT NOT NULL, stream BIGINT NOT NULL, entry_no BIGINT NOT NULL, segment VARCHAR NOT NULL, "offset" BIGINT NOT NULL
);
