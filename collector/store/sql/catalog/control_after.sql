-- a row is one entry that is no batch, of any stream, in the order of all
SELECT id, stream, no, kind, at_us, meta, body, body_sha256, segment, "offset" FROM speedproof.control
WHERE id > %(after)s ORDER BY id LIMIT %(most)s
