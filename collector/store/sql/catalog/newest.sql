-- the row is the newest entry of these kinds, 0 if there is none
SELECT coalesce(max(c.id), 0) FROM unnest(%(kinds)s::TEXT[]) AS k (kind)
CROSS JOIN LATERAL (SELECT id FROM speedproof.control WHERE kind = k.kind ORDER BY id DESC LIMIT 1) AS c
