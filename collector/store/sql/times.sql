-- a row is one device of a line, with how well it is known when its batches were made
SELECT d.dev, count(*) FILTER (b.received_us - b.since_us <= $live_us) AS live, count(*) FILTER (b.received_us - b.since_us > $live_us) AS offline,
       count(*) FILTER (b.batch IS NOT NULL AND b.since_us IS NULL) AS undated, max(b.received_us - b.since_us) AS longest_us
FROM device d LEFT JOIN batch b ON b.device = d.id
WHERE d.line = $line GROUP BY d.dev, d.enrolled_us ORDER BY d.enrolled_us, d.dev
