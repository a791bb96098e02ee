-- the row is how many devices there are, how many were heard since a moment, and how many numbers they lost since then
SELECT count(*) AS devices, count(*) FILTER (b.received_us >= $since_us) AS heard, coalesce(sum(b.lost), 0)::BIGINT AS lost
FROM device d LEFT JOIN (
  SELECT device, max(received_us) AS received_us, sum(lost) FILTER (received_us >= $since_us) AS lost FROM batch GROUP BY device
) b ON b.device = d.id
