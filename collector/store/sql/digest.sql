-- a row is one table's name, how many rows it has, and a digest of them that does not depend on their order
SELECT 'entry' AS name, count(*) AS n, concat(coalesce(sum(md5_number_lower(t::VARCHAR)::HUGEINT), 0), '-', coalesce(sum(md5_number_upper(t::VARCHAR)::HUGEINT), 0)) AS digest FROM entry t
UNION ALL SELECT 'record' AS name, count(*) AS n, concat(coalesce(sum(md5_number_lower(t::VARCHAR)::HUGEINT), 0), '-', coalesce(sum(md5_number_upper(t::VARCHAR)::HUGEINT), 0)) AS digest FROM record t
UNION ALL SELECT 'batch' AS name, count(*) AS n, concat(coalesce(sum(md5_number_lower(t::VARCHAR)::HUGEINT), 0), '-', coalesce(sum(md5_number_upper(t::VARCHAR)::HUGEINT), 0)) AS digest FROM batch t
UNION ALL SELECT 'refused' AS name, count(*) AS n, concat(coalesce(sum(md5_number_lower(t::VARCHAR)::HUGEINT), 0), '-', coalesce(sum(md5_number_upper(t::VARCHAR)::HUGEINT), 0)) AS digest FROM refused t
UNION ALL SELECT 'device' AS name, count(*) AS n, concat(coalesce(sum(md5_number_lower(t::VARCHAR)::HUGEINT), 0), '-', coalesce(sum(md5_number_upper(t::VARCHAR)::HUGEINT), 0)) AS digest FROM device t
UNION ALL SELECT 'complaint' AS name, count(*) AS n, concat(coalesce(sum(md5_number_lower(t::VARCHAR)::HUGEINT), 0), '-', coalesce(sum(md5_number_upper(t::VARCHAR)::HUGEINT), 0)) AS digest FROM complaint t
