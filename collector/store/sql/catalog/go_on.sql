-- no row: chains that went on, or whose key was frozen; the devices are locked
UPDATE speedproof.head AS h SET batch = n.batch, seq = n.seq, pae_sha256 = n.pae_sha256, frozen = n.frozen, stream = n.stream,
    segment = n.segment, "offset" = n."offset", receipt = n.receipt
FROM unnest(%(dev)s::TEXT[], %(batch)s::BIGINT[], %(seq)s::BIGINT[], %(pae_sha256)s::TEXT[], %(frozen)s::BOOLEAN[],
    %(stream)s::BIGINT[], %(segment)s::TEXT[], %(offset)s::BIGINT[], %(receipt)s::BYTEA[])
    AS n (dev, batch, seq, pae_sha256, frozen, stream, segment, "offset", receipt)
WHERE h.dev = n.dev
