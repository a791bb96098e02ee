-- the row is how many devices were heard since a moment
SELECT count(DISTINCT device) AS heard FROM batch WHERE received_us >= $since_us
