-- The index for many records: flat typed columns, no line and no receipt (the ledger has them), integers for lines and devices.
-- Neither 0001 nor 0002 was ever released, so nothing is carried over: nothing counts as loaded, and all is loaded anew.
-- What this file uses DuckLake has too: no key, no index, no enumeration, no sequence, no generated column.
-- A line's and a device's `id` is the number of the ledger entry that made it plus its stream times 2^40: the same in any index.
-- A change of what a column is made from is a migration that empties every table, because old rows are not made again by themselves.
DROP TABLE entry; DROP TABLE record; DROP TABLE batch; DROP TABLE refused; DROP TABLE device; DROP TABLE complaint;

-- one row for each load: `entries` more of a stream are here, up to `no`; a compaction puts the rows of a stream together
CREATE TABLE loaded (stream BIGINT NOT NULL, no BIGINT NOT NULL, entries BIGINT NOT NULL);

-- one row for each subscriber's line
CREATE TABLE line (id BIGINT NOT NULL, subscriber VARCHAR NOT NULL, stream BIGINT NOT NULL, entry_no BIGINT NOT NULL);

-- one row for each enrolled key; `dev` is its id in hex. `segment` and `offset` say where the ledger of `stream` holds it
CREATE TABLE device (id BIGINT NOT NULL, line BIGINT NOT NULL, dev VARCHAR NOT NULL, enrolled_us BIGINT NOT NULL, slot_s BIGINT NOT NULL, guard_s BIGINT NOT NULL, stream BIGINT NOT NULL, entry_no BIGINT NOT NULL, segment VARCHAR NOT NULL, "offset" BIGINT NOT NULL);

-- one row for each accepted batch; `pae` is its identity, 32 bytes
CREATE TABLE batch (
  device BIGINT NOT NULL, batch BIGINT NOT NULL, pae BLOB NOT NULL, first_seq BIGINT NOT NULL, last_seq BIGINT NOT NULL, n BIGINT NOT NULL,
  lost BIGINT NOT NULL, sealed_us BIGINT NOT NULL, received_us BIGINT NOT NULL,
  stream BIGINT NOT NULL, entry_no BIGINT NOT NULL, segment VARCHAR NOT NULL, "offset" BIGINT NOT NULL
);

-- one row for each batch that was refused and kept aside
CREATE TABLE refused (device BIGINT NOT NULL, batch BIGINT NOT NULL, error VARCHAR NOT NULL, at_us BIGINT NOT NULL, stream BIGINT NOT NULL, entry_no BIGINT NOT NULL, segment VARCHAR NOT NULL, "offset" BIGINT NOT NULL);

-- one row for each complaint
CREATE TABLE complaint (line BIGINT NOT NULL, dev VARCHAR NOT NULL, said_us BIGINT NOT NULL, received_us BIGINT NOT NULL, "text" VARCHAR NOT NULL, stream BIGINT NOT NULL, entry_no BIGINT NOT NULL, segment VARCHAR NOT NULL, "offset" BIGINT NOT NULL);

-- one row for each imported part of a file
CREATE TABLE import (line BIGINT NOT NULL, source VARCHAR NOT NULL, n BIGINT NOT NULL, stream BIGINT NOT NULL, entry_no BIGINT NOT NULL, segment VARCHAR NOT NULL, "offset" BIGINT NOT NULL);

-- one row for each measurement, in the order of arrival. Imported ones have no `device` but a `source`, the format of their file.
-- `flaws`: a JSON list, none for none; `limited`: the peer saw a slow reader, which is one flaw more. `grade`, `grade_reason`: of a
-- transfer; `session`: the number of the peer's session whose genuine statement it bears (collector/store/grading.py).
-- `campaign`, `k`: of a test without a slot; `says`: of a note, what happened; `note`: what else is asked of it, as JSON.
-- From `technology` on: the radio facts, the primary cell's in the record's own units; `signals`: further serving cells, as JSON.
CREATE TABLE hot (
  line BIGINT NOT NULL, device BIGINT, provenance VARCHAR NOT NULL, source VARCHAR, stream BIGINT NOT NULL, entry_no BIGINT NOT NULL,
  seq BIGINT NOT NULL, slot BIGINT, at_us BIGINT NOT NULL, received_us BIGINT NOT NULL,
  method VARCHAR NOT NULL, direction VARCHAR, "end" VARCHAR NOT NULL,
  rate_bps BIGINT, rtt_us BIGINT, loss_pm BIGINT, received_bytes BIGINT, dur_us BIGINT,
  failure VARCHAR, stage VARCHAR, reason VARCHAR, flaws VARCHAR, network_type VARCHAR,
  grade VARCHAR, grade_reason VARCHAR, session BIGINT, limited BOOLEAN,
  campaign VARCHAR, k BIGINT, says VARCHAR, note VARCHAR,
  technology VARCHAR, sim_mccmnc VARCHAR, net_mccmnc VARCHAR, located BOOLEAN,
  radio VARCHAR, operator VARCHAR, area BIGINT, cell BIGINT, pci BIGINT, channel BIGINT, band BIGINT,
  rsrp_dbm BIGINT, rsrq_ddb BIGINT, sinr_ddb BIGINT, signals VARCHAR
);

-- one row for each measurement that a compaction has moved: runs, each in the order of line, time, device and number
CREATE TABLE cold AS SELECT * FROM hot;

-- one row for each measurement
CREATE VIEW record AS SELECT * FROM cold UNION ALL SELECT * FROM hot;

-- one row for each measurement that counts as one, with what the figures of a day are made of; figures that no line and no clock
-- can have are none in them, and imported and signed measurements are never added up
CREATE VIEW hot_figure AS
SELECT line, operator, cell, at_us // 86400000000 AS "day", provenance, method, coalesce(direction, '') AS direction, "end",
       flaws IS NOT NULL OR coalesce(limited, false) AS flawed,
       CASE WHEN rate_bps BETWEEN 0 AND 100000000000 THEN rate_bps END AS rate_bps,
       CASE WHEN rtt_us BETWEEN 0 AND 1000000000 THEN rtt_us END AS rtt_us,
       CASE WHEN received_bytes BETWEEN 0 AND 100000000000 THEN received_bytes END AS received_bytes
FROM hot WHERE method NOT IN ('presence', 'mark', 'episode', 'campaign', 'reach');

-- one row for each line, day (UTC), provenance, method and direction of what is in the hot table. Counts of what mostly is none are
-- none instead of 0, and of a single figure only the sum is there: most lines have few measurements a day
CREATE VIEW hot_line_day AS
SELECT line, "day", provenance, method, direction, count(*) AS n, count(*) FILTER ("end" = 'ok') AS ok,
       nullif(count(*) FILTER ("end" = 'failed'), 0) AS failed, nullif(count(*) FILTER ("end" = 'not_started'), 0) AS not_started,
       nullif(count(*) FILTER ("end" = 'aborted'), 0) AS aborted, nullif(count(*) FILTER (flawed), 0) AS flawed,
       nullif(count(rate_bps), 0) AS rate_n, sum(rate_bps)::BIGINT AS rate_sum,
       CASE WHEN count(rate_bps) > 1 THEN min(rate_bps) END AS rate_min, CASE WHEN count(rate_bps) > 1 THEN max(rate_bps) END AS rate_max,
       nullif(count(rtt_us), 0) AS rtt_n, sum(rtt_us)::BIGINT AS rtt_sum,
       CASE WHEN count(rtt_us) > 1 THEN min(rtt_us) END AS rtt_min, CASE WHEN count(rtt_us) > 1 THEN max(rtt_us) END AS rtt_max,
       sum(received_bytes)::BIGINT AS bytes
FROM hot_figure GROUP BY line, "day", provenance, method, direction;

-- one row for each cell, day (UTC), provenance, method and direction of what is in the hot table, like the one above
CREATE VIEW hot_cell_day AS
SELECT operator, cell, "day", provenance, method, direction, count(*) AS n, count(*) FILTER ("end" = 'ok') AS ok,
       nullif(count(*) FILTER ("end" = 'failed'), 0) AS failed, nullif(count(*) FILTER ("end" = 'not_started'), 0) AS not_started,
       nullif(count(*) FILTER ("end" = 'aborted'), 0) AS aborted, nullif(count(*) FILTER (flawed), 0) AS flawed,
       nullif(count(rate_bps), 0) AS rate_n, sum(rate_bps)::BIGINT AS rate_sum,
       CASE WHEN count(rate_bps) > 1 THEN min(rate_bps) END AS rate_min, CASE WHEN count(rate_bps) > 1 THEN max(rate_bps) END AS rate_max,
       nullif(count(rtt_us), 0) AS rtt_n, sum(rtt_us)::BIGINT AS rtt_sum,
       CASE WHEN count(rtt_us) > 1 THEN min(rtt_us) END AS rtt_min, CASE WHEN count(rtt_us) > 1 THEN max(rtt_us) END AS rtt_max,
       sum(received_bytes)::BIGINT AS bytes
FROM hot_figure WHERE cell IS NOT NULL GROUP BY operator, cell, "day", provenance, method, direction;

-- one row like those, for each run that has measurements of such a day; the figures of a day are the sums over its rows
CREATE TABLE cold_line_day AS SELECT * FROM hot_line_day;
CREATE TABLE cold_cell_day AS SELECT * FROM hot_cell_day;
CREATE VIEW line_day AS SELECT * FROM cold_line_day UNION ALL SELECT * FROM hot_line_day;
CREATE VIEW cell_day AS SELECT * FROM cold_cell_day UNION ALL SELECT * FROM hot_cell_day;
