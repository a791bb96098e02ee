-- a row is how many measurements of one provenance ended how; what only notes or explains is no measurement
SELECT provenance,
       count(*) FILTER ("end" = 'ok') AS ok, count(*) FILTER ("end" = 'failed') AS failed,
       count(*) FILTER ("end" = 'not_started') AS not_started, count(*) FILTER ("end" = 'aborted') AS aborted,
       count(*) FILTER (flaws IS NOT NULL OR coalesce(limited, false)) AS flawed,
       count(*) FILTER (provenance = 'signed' AND slot IS NULL AND campaign IS NULL) AS by_hand
FROM record WHERE line = $line AND method NOT IN ('presence', 'mark', 'episode', 'campaign', 'reach')
GROUP BY provenance ORDER BY provenance
