-- the row is the first entry of a kind with a name
SELECT id, stream, no, kind, at_us, meta, body, body_sha256, segment, "offset" FROM speedproof.control
WHERE kind = %(kind)s AND name = %(name)s ORDER BY id LIMIT 1
