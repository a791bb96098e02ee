-- a row is how many batches were refused and kept aside since a moment for one reason
SELECT error, count(*) AS n FROM refused WHERE at_us >= $since_us GROUP BY error ORDER BY error
