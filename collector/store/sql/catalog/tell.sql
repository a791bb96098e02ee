-- no row: one more entry that is no batch, unless it is there
INSERT INTO speedproof.control (stream, no, kind, name, at_us, meta, body, body_sha256, segment, "offset")
VALUES (%(stream)s, %(no)s, %(kind)s, %(name)s, %(at_us)s, %(meta)s, %(body)s, %(body_sha256)s, %(segment)s, %(offset)s)
ON CONFLICT (stream, no) DO NOTHING
