-- a row is by how many the flawed measurements of a line's day in the runs change by the new grades
INSERT INTO cold_line_day
SELECT c.line, c.at_us // 86400000000, c.provenance, c.method, coalesce(c.direction, ''), 0, 0, NULL, NULL, NULL,
       (count(*) FILTER (coalesce(g.limited, false)) - count(*) FILTER (coalesce(c.limited, false)))::BIGINT AS flawed,
       NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM cold c JOIN regraded g ON c.stream = g.stream AND c.entry_no = g.entry_no AND c.seq = g.seq
WHERE c.flaws IS NULL GROUP BY 1, 2, 3, 4, 5
HAVING count(*) FILTER (coalesce(g.limited, false)) <> count(*) FILTER (coalesce(c.limited, false))
