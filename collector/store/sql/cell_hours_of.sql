-- a row is one hour (UTC) of one cell with how its signed scheduled measurements of one direction ended, in the order of time
SELECT operator, cell, at_us // 3600000000 * 3600000000 AS hour_us, count(*) AS n,
       count(*) FILTER ("end" = 'ok') AS ok, count(*) FILTER ("end" = 'failed') AS failed,
       count(rate_bps) AS rate_n, sum(rate_bps) // nullif(count(rate_bps), 0) AS rate_mean, min(rate_bps) AS rate_min,
       count(rtt_us) AS rtt_n, sum(rtt_us) // nullif(count(rtt_us), 0) AS rtt_mean, max(rtt_us) AS rtt_max,
       count(DISTINCT device) AS devices, count(DISTINCT device) FILTER (coalesce(rate_bps, rtt_us) IS NOT NULL) AS figure_devices,
       quantile_disc(rate_bps, 0.5) AS rate_median, quantile_disc(rtt_us, 0.5) AS rtt_median
FROM record
WHERE at_us >= $since_us AND at_us < $until_us AND cell = $cell AND operator IS NOT DISTINCT FROM $operator
  AND provenance = 'signed' AND direction = $direction AND slot IS NOT NULL
GROUP BY operator, cell, at_us // 3600000000
ORDER BY hour_us LIMIT $most
