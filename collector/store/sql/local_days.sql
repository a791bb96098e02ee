-- a row is one day of a line, as its own clock has days, with how its signed measurements of that day ended, and the medians of
-- those that the schedule wanted (what is started by hand enters no statistics); `edges`: the moments at which those days begin,
-- in order, the last one where the last day ends
SELECT d.from_us, count(*) AS n, count(*) FILTER ("end" = 'ok') AS ok, count(*) FILTER ("end" = 'failed') AS failed,
       count(*) FILTER ("end" = 'not_started') AS not_started, count(*) FILTER ("end" = 'aborted') AS aborted,
       count(*) FILTER (flaws IS NOT NULL OR coalesce(limited, false)) AS flawed,
       count(rate_bps) FILTER (direction = 'down' AND slot IS NOT NULL) AS down_n, quantile_disc(rate_bps, 0.5) FILTER (direction = 'down' AND slot IS NOT NULL) AS down_median,
       count(rate_bps) FILTER (direction = 'up' AND slot IS NOT NULL) AS up_n, quantile_disc(rate_bps, 0.5) FILTER (direction = 'up' AND slot IS NOT NULL) AS up_median,
       count(rtt_us) FILTER (direction = 'round_trip' AND slot IS NOT NULL) AS rtt_n,
       quantile_disc(rtt_us, 0.5) FILTER (direction = 'round_trip' AND slot IS NOT NULL) AS rtt_median
FROM record r ASOF JOIN (SELECT unnest($edges::BIGINT[]) AS from_us) d ON r.at_us >= d.from_us
WHERE r.line = $line AND r.at_us >= $since_us AND r.at_us < $until_us AND provenance = 'signed'
  AND method NOT IN ('presence', 'mark', 'episode', 'campaign', 'reach')
GROUP BY d.from_us ORDER BY d.from_us
