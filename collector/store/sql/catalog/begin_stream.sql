-- no row: a stream is there from now on
INSERT INTO speedproof.stream (stream, owner, first, no) VALUES (%(stream)s, %(owner)s, NULL, 0) ON CONFLICT (stream) DO NOTHING
