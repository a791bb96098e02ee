-- The index as it was first released. It holds nothing that the ledger does not: `rebuild` makes it anew.

-- one row for each ledger entry that has been loaded; also the mark that it was
CREATE TABLE entry (no BIGINT NOT NULL, kind VARCHAR NOT NULL, at_us BIGINT NOT NULL, segment VARCHAR NOT NULL, "offset" BIGINT NOT NULL);

-- one row for each measurement; `line` is the record as signed, or as imported
CREATE TABLE record (
  entry_no BIGINT NOT NULL, subscriber VARCHAR NOT NULL, provenance VARCHAR NOT NULL, dev VARCHAR NOT NULL,
  batch BIGINT, seq BIGINT NOT NULL, slot BIGINT, at_us BIGINT NOT NULL, received_us BIGINT NOT NULL,
  method VARCHAR NOT NULL, direction VARCHAR, "end" VARCHAR NOT NULL,
  rate_bps BIGINT, rtt_us BIGINT, loss_pm BIGINT, received_bytes BIGINT, dur_us BIGINT,
  failure VARCHAR, stage VARCHAR, reason VARCHAR, flaws VARCHAR[] NOT NULL, network_type VARCHAR, line VARCHAR NOT NULL
);

-- one row for each accepted batch
CREATE TABLE batch (
  entry_no BIGINT NOT NULL, dev VARCHAR NOT NULL, batch BIGINT NOT NULL, pae_sha256 VARCHAR NOT NULL,
  first_seq BIGINT NOT NULL, last_seq BIGINT NOT NULL, n BIGINT NOT NULL, lost BIGINT NOT NULL,
  sealed_wall_us BIGINT NOT NULL, received_us BIGINT NOT NULL, receipt VARCHAR NOT NULL
);

-- one row for each batch that was refused and kept aside
CREATE TABLE refused (entry_no BIGINT NOT NULL, dev VARCHAR NOT NULL, batch BIGINT NOT NULL, error VARCHAR NOT NULL, at_us BIGINT NOT NULL);

-- one row for each enrolled key
CREATE TABLE device (entry_no BIGINT NOT NULL, dev VARCHAR NOT NULL, subscriber VARCHAR NOT NULL, enrolled_us BIGINT NOT NULL, slot_s BIGINT NOT NULL, guard_s BIGINT NOT NULL);

-- one row for each complaint
CREATE TABLE complaint (entry_no BIGINT NOT NULL, subscriber VARCHAR NOT NULL, dev VARCHAR NOT NULL, said_us BIGINT NOT NULL, received_us BIGINT NOT NULL, text VARCHAR NOT NULL);
