-- no row: chains that went on, or whose key was frozen; the devices are locked
UPDATE speedproof.head AS h SET batch = n.batch, seq = n.seq, pae_sha256 = n.pae_sha256, frozen = n.frozen, stream = n.stream,
    segment = n.segment, "offset" = n."offset", receipt = n.receipt
FROM unnest(%(dev)b::TEXT[], %(batch)b::BIGINT[], %(seq)b::BIGINT[], %(pae_sha256)b::TEXT[], %(frozen)b::BOOLEAN[],
    %(stream)b::BIGINT[], %(segment)b::TEXT[], %(offset)b::BIGINT[], %(receipt)b::BYTEA[])
    AS n (dev, batch, seq, pae_sha256, frozen, stream, segment, "offset", receipt)
WHERE h.dev = n.dev
