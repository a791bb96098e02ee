-- a row is one refused batch of a device of this subscriber
SELECT r.at_us, r.dev, r.batch, r.error FROM refused r JOIN device d ON d.dev = r.dev WHERE d.subscriber = ? ORDER BY r.entry_no
