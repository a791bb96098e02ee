-- a row is one refused batch of a device of this line
SELECT r.at_us, d.dev, r.batch, r.error FROM refused r JOIN device d ON d.id = r.device
WHERE d.line = $line ORDER BY r.stream, r.entry_no
