-- a row is one table's name, and how many rows one stream has in it
SELECT 'record' AS name, count(*) AS n FROM record WHERE stream = $stream
UNION ALL SELECT 'device', count(*) FROM device WHERE stream = $stream
UNION ALL SELECT 'key_change', count(*) FROM key_change WHERE stream = $stream
UNION ALL SELECT 'batch', count(*) FROM batch WHERE stream = $stream
UNION ALL SELECT 'refused', count(*) FROM refused WHERE stream = $stream
UNION ALL SELECT 'complaint', count(*) FROM complaint WHERE stream = $stream
UNION ALL SELECT 'import', count(*) FROM import WHERE stream = $stream
UNION ALL SELECT 'transfer', count(*) FROM transfer WHERE stream = $stream
