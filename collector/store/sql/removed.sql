-- a row is one device of a line with the batches whose records were removed: how many, their records, their numbers, until when they reach
SELECT d.dev, count(*) AS batches, sum(b.n)::BIGINT AS records, min(b.first_seq) AS first_seq, max(b.last_seq) AS last_seq,
       max(least(b.sealed_us, b.received_us)) AS until_us
FROM batch b JOIN device d ON d.id = b.device WHERE d.line = $line AND b.gone GROUP BY d.dev ORDER BY d.dev
