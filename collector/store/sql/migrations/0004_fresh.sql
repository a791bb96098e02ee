-- What is in no run yet gets a name of its own, whatever it is kept in: days and runs are made from it.
-- one row for each measurement that is in no run yet
CREATE VIEW fresh AS SELECT * FROM hot;
CREATE OR REPLACE VIEW record AS SELECT * FROM cold UNION ALL SELECT * FROM fresh;
CREATE OR REPLACE VIEW hot_figure AS
SELECT line, operator, cell, at_us // 86400000000 AS "day", provenance, method, coalesce(direction, '') AS direction, "end",
       flaws IS NOT NULL OR coalesce(limited, false) AS flawed,
       CASE WHEN rate_bps BETWEEN 0 AND 100000000000 THEN rate_bps END AS rate_bps,
       CASE WHEN rtt_us BETWEEN 0 AND 1000000000 THEN rtt_us END AS rtt_us,
       CASE WHEN received_bytes BETWEEN 0 AND 100000000000 THEN received_bytes END AS received_bytes
FROM fresh WHERE method NOT IN ('presence', 'mark', 'episode', 'campaign', 'reach');
