-- a row is how many measurements of one provenance ended how
SELECT provenance,
       count(*) FILTER ("end" = 'ok') AS ok, count(*) FILTER ("end" = 'failed') AS failed,
       count(*) FILTER ("end" = 'not_started') AS not_started, count(*) FILTER ("end" = 'aborted') AS aborted,
       count(*) FILTER (len(flaws) > 0) AS flawed,
       count(*) FILTER (provenance = 'signed' AND slot IS NULL) AS by_hand
FROM record WHERE subscriber = ? GROUP BY provenance ORDER BY provenance
