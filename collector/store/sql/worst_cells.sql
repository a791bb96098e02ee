-- a row is one cell with how its signed scheduled measurements of one direction ended that ran between two moments, the worst first: by the
-- median in which a failure counts as no speed at all, or as a round trip without end
SELECT operator, cell, count(*) AS n, count(*) FILTER ("end" = 'ok') AS ok, count(*) FILTER ("end" = 'failed') AS failed,
       count(DISTINCT device) AS devices, count(DISTINCT device) FILTER (coalesce(rate_bps, rtt_us) IS NOT NULL) AS figure_devices,
       count(rate_bps) AS rate_n, quantile_disc(rate_bps, 0.5) AS rate_median,
       count(rtt_us) AS rtt_n, quantile_disc(rtt_us, 0.5) AS rtt_median
FROM record
WHERE at_us >= $since_us AND at_us < $until_us AND cell IS NOT NULL AND provenance = 'signed' AND direction = $direction
  AND "end" IN ('ok', 'failed') AND slot IS NOT NULL
GROUP BY operator, cell HAVING count(*) >= $least_n AND count(DISTINCT device) >= $least_devices
ORDER BY CASE WHEN $direction = 'round_trip' THEN -quantile_disc(CASE WHEN "end" = 'failed' THEN 9007199254740991 ELSE rtt_us END, 0.5)
              ELSE quantile_disc(CASE WHEN "end" = 'failed' THEN 0 ELSE rate_bps END, 0.5) END NULLS LAST,
         failed DESC, operator NULLS LAST, cell LIMIT $most
