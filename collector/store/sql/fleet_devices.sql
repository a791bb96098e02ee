-- the row is how many devices there are, how many were heard since a moment, and how many numbers they lost since then
SELECT (SELECT count(*) FROM device) AS devices, count(DISTINCT device) AS heard, coalesce(sum(lost), 0)::BIGINT AS lost
FROM batch WHERE received_us >= $since_us
