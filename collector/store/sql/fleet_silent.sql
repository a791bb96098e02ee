-- a row is one device of which nothing was received since a moment, those that were heard last first, those never heard last
SELECT d.dev, l.subscriber, b.received_us FROM device d JOIN line l ON l.id = d.line
LEFT JOIN (SELECT device, max(received_us) AS received_us FROM batch GROUP BY device) b ON b.device = d.id
WHERE b.received_us IS NULL OR b.received_us < $since_us ORDER BY b.received_us DESC NULLS LAST, d.dev LIMIT $most
