-- a row is one file where the lake's are to be
SELECT file FROM glob($pattern) LIMIT 1
