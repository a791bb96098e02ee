-- a row is one device of a line with how much it delivered
SELECT d.dev, d.enrolled_us, d.slot_s, d.guard_s, count(b.batch) AS batches, coalesce(sum(b.lost), 0)::BIGINT AS lost
FROM device d LEFT JOIN batch b ON b.device = d.id
WHERE d.line = $line GROUP BY ALL ORDER BY d.enrolled_us, d.dev
