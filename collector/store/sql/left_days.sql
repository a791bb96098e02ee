-- a row is the figures of one batch's records of one day (UTC), method, direction, operator and cell, as the tables of the days have them
SELECT entry_no, "day", method, direction, operator, cell, count(*) AS n, count(*) FILTER ("end" = 'ok') AS ok,
       count(*) FILTER ("end" = 'failed') AS failed, count(*) FILTER ("end" = 'not_started') AS not_started,
       count(*) FILTER ("end" = 'aborted') AS aborted, count(*) FILTER (flawed) AS flawed,
       count(rate_bps) AS rate_n, sum(rate_bps)::BIGINT AS rate_sum, min(rate_bps) AS rate_min, max(rate_bps) AS rate_max,
       count(rtt_us) AS rtt_n, sum(rtt_us)::BIGINT AS rtt_sum, min(rtt_us) AS rtt_min, max(rtt_us) AS rtt_max, sum(received_bytes)::BIGINT AS bytes
FROM (
  SELECT entry_no, at_us // 86400000000 AS "day", method, coalesce(direction, '') AS direction, operator, cell, "end",
         flaws IS NOT NULL OR coalesce(limited, false) AS flawed,
         CASE WHEN rate_bps BETWEEN 0 AND 100000000000 THEN rate_bps END AS rate_bps,
         CASE WHEN rtt_us BETWEEN 0 AND 1000000000 THEN rtt_us END AS rtt_us,
         CASE WHEN received_bytes BETWEEN 0 AND 100000000000 THEN received_bytes END AS received_bytes
  FROM record WHERE stream = $stream AND provenance = 'signed' AND entry_no > $after_no AND entry_no <= $up_to_no
    AND method NOT IN ('presence', 'mark', 'episode', 'campaign', 'reach')
) r GROUP BY ALL ORDER BY entry_no, "day", method, direction, operator NULLS FIRST, cell NULLS FIRST
