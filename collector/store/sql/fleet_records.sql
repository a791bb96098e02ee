-- a row is how many signed records since a moment are of one method and ended so
SELECT method, "end", count(*) AS n FROM record WHERE provenance = 'signed' AND at_us >= $since_us GROUP BY ALL ORDER BY method, "end"
