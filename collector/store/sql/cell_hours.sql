-- a row is one cell in one hour (UTC) with how its signed measurements of one direction ended, the worst first
SELECT operator, cell, at_us // 3600000000 * 3600000000 AS hour_us, count(*) AS n,
       count(*) FILTER ("end" = 'ok') AS ok, count(*) FILTER ("end" = 'failed') AS failed,
       count(rate_bps) AS rate_n, sum(rate_bps) // nullif(count(rate_bps), 0) AS rate_mean, min(rate_bps) AS rate_min,
       count(rtt_us) AS rtt_n, sum(rtt_us) // nullif(count(rtt_us), 0) AS rtt_mean, max(rtt_us) AS rtt_max,
       count(DISTINCT device) AS devices, count(DISTINCT device) FILTER (coalesce(rate_bps, rtt_us) IS NOT NULL) AS figure_devices,
       quantile_disc(rate_bps, 0.5) AS rate_median, quantile_disc(rtt_us, 0.5) AS rtt_median
FROM record
WHERE at_us >= $since_us AND at_us < $until_us AND cell IS NOT NULL AND provenance = 'signed' AND direction = $direction
GROUP BY operator, cell, at_us // 3600000000 HAVING count(DISTINCT device) >= $least_devices
ORDER BY rate_mean NULLS LAST, rtt_mean DESC NULLS LAST, failed DESC, hour_us, operator NULLS LAST, cell LIMIT $most
