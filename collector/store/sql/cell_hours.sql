-- a row is one cell in one hour (UTC) with how its signed scheduled measurements of one direction ended, the worst first. First by device, since
-- to count those apart would take longer than all the rest; and medians, which take long too, of those hours only that are asked for
WITH of_device AS (
  SELECT operator, cell, at_us // 3600000000 AS hour, count(*) AS n, count(*) FILTER ("end" = 'ok') AS ok,
         count(*) FILTER ("end" = 'failed') AS failed, count(rate_bps) AS rate_n, sum(rate_bps) AS rate_sum, min(rate_bps) AS rate_min,
         count(rtt_us) AS rtt_n, sum(rtt_us) AS rtt_sum, max(rtt_us) AS rtt_max
  FROM record
  WHERE at_us >= $since_us AND at_us < $until_us AND cell IS NOT NULL AND provenance = 'signed' AND direction = $direction
    AND slot IS NOT NULL
  GROUP BY operator, cell, at_us // 3600000000, device
), worst AS (
  SELECT operator, cell, hour, sum(n) AS n, sum(ok) AS ok, sum(failed) AS failed,
         sum(rate_n) AS rate_n, sum(rate_sum) // nullif(sum(rate_n), 0) AS rate_mean, min(rate_min) AS rate_min,
         sum(rtt_n) AS rtt_n, sum(rtt_sum) // nullif(sum(rtt_n), 0) AS rtt_mean, max(rtt_max) AS rtt_max,
         count(*) AS devices, count(*) FILTER (rate_n + rtt_n > 0) AS figure_devices
  FROM of_device GROUP BY operator, cell, hour HAVING count(*) >= $least_devices
  ORDER BY rate_mean NULLS LAST, rtt_mean DESC NULLS LAST, sum(failed) DESC, hour, operator NULLS LAST, cell LIMIT $most
), median AS (
  SELECT w.operator, w.cell, w.hour, quantile_disc(r.rate_bps, 0.5) AS rate_median, quantile_disc(r.rtt_us, 0.5) AS rtt_median
  FROM record r JOIN worst w ON r.cell = w.cell AND r.operator IS NOT DISTINCT FROM w.operator AND r.at_us // 3600000000 = w.hour
  WHERE r.at_us >= $since_us AND r.at_us < $until_us AND r.provenance = 'signed' AND r.direction = $direction
    AND r.slot IS NOT NULL
  GROUP BY w.operator, w.cell, w.hour
)
SELECT w.operator, w.cell, w.hour * 3600000000 AS hour_us, n::BIGINT, ok::BIGINT, failed::BIGINT, rate_n::BIGINT, rate_mean, rate_min,
       rtt_n::BIGINT, rtt_mean, rtt_max, devices, figure_devices, rate_median, rtt_median
FROM worst w JOIN median m ON m.cell = w.cell AND m.operator IS NOT DISTINCT FROM w.operator AND m.hour = w.hour
ORDER BY rate_mean NULLS LAST, rtt_mean DESC NULLS LAST, failed DESC, hour_us, w.operator NULLS LAST, w.cell
