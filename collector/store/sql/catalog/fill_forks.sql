-- the row is how many of these chains have another batch under the number of the newest one named
SELECT count(*) FROM speedproof.head AS h
JOIN unnest(%(dev)s::TEXT[], %(batch)s::BIGINT[], %(pae_sha256)s::TEXT[]) AS n (dev, batch, pae_sha256)
ON h.dev = n.dev AND h.batch = n.batch AND h.pae_sha256 <> n.pae_sha256
