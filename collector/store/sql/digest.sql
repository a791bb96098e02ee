-- a row is one table's name, how many rows it has, and a digest of them that does not depend on their order
SELECT 'entry' AS name, coalesce(sum(n), 0)::BIGINT AS n, coalesce(string_agg(concat(stream, '/', no), ' ' ORDER BY stream), '') AS digest
FROM (SELECT stream, max(no) AS no, sum(entries) AS n FROM loaded WHERE no > 0 GROUP BY stream)
UNION ALL SELECT 'record', count(*), coalesce(sum(hash(t)::HUGEINT), 0)::VARCHAR FROM record t
UNION ALL SELECT 'line', count(*), coalesce(sum(hash(t)::HUGEINT), 0)::VARCHAR FROM line t
UNION ALL SELECT 'device', count(*), coalesce(sum(hash(t)::HUGEINT), 0)::VARCHAR FROM device t
UNION ALL SELECT 'key_change', count(*), coalesce(sum(hash(t)::HUGEINT), 0)::VARCHAR FROM key_change t
UNION ALL SELECT 'batch', count(*), coalesce(sum(hash(t)::HUGEINT), 0)::VARCHAR FROM batch t
UNION ALL SELECT 'spent', count(*), coalesce(sum(hash(t)::HUGEINT), 0)::VARCHAR FROM spent t
UNION ALL SELECT 'refused', count(*), coalesce(sum(hash(t)::HUGEINT), 0)::VARCHAR FROM refused t
UNION ALL SELECT 'complaint', count(*), coalesce(sum(hash(t)::HUGEINT), 0)::VARCHAR FROM complaint t
UNION ALL SELECT 'import', count(*), coalesce(sum(hash(t)::HUGEINT), 0)::VARCHAR FROM import t
UNION ALL SELECT 'transfer', count(*), coalesce(sum(hash(t)::HUGEINT), 0)::VARCHAR FROM transfer t
