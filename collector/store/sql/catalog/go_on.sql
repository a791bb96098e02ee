-- no row: chains that went on, or whose key was frozen, revoked or replaced; the devices are locked
UPDATE speedproof.head AS h SET batch = n.batch, seq = n.seq, pae_sha256 = n.pae_sha256, frozen = n.frozen, revoked = n.revoked, successor = n.successor, stream = n.stream,
    segment = n.segment, "offset" = n."offset", receipt = n.receipt
FROM unnest(%(dev)b::TEXT[], %(batch)b::BIGINT[], %(seq)b::BIGINT[], %(pae_sha256)b::TEXT[], %(frozen)b::BOOLEAN[], %(revoked)b::BOOLEAN[], %(successor)b::TEXT[],
    %(stream)b::BIGINT[], %(segment)b::TEXT[], %(offset)b::BIGINT[], %(receipt)b::BYTEA[])
    AS n (dev, batch, seq, pae_sha256, frozen, revoked, successor, stream, segment, "offset", receipt)
WHERE h.dev = n.dev
