-- a row is one table's name, how many rows it has, and a digest over all of them in order
SELECT 'entry' AS name, count(*) AS n, coalesce(sha256(string_agg(t::VARCHAR, chr(10) ORDER BY t::VARCHAR)), '') AS digest FROM entry t
UNION ALL SELECT 'record', count(*), coalesce(sha256(string_agg(t::VARCHAR, chr(10) ORDER BY t::VARCHAR)), '') FROM record t
UNION ALL SELECT 'batch', count(*), coalesce(sha256(string_agg(t::VARCHAR, chr(10) ORDER BY t::VARCHAR)), '') FROM batch t
UNION ALL SELECT 'refused', count(*), coalesce(sha256(string_agg(t::VARCHAR, chr(10) ORDER BY t::VARCHAR)), '') FROM refused t
UNION ALL SELECT 'device', count(*), coalesce(sha256(string_agg(t::VARCHAR, chr(10) ORDER BY t::VARCHAR)), '') FROM device t
UNION ALL SELECT 'complaint', count(*), coalesce(sha256(string_agg(t::VARCHAR, chr(10) ORDER BY t::VARCHAR)), '') FROM complaint t
