-- no row: what a ledger says of a device; what is there already and further on stays
INSERT INTO speedproof.head AS h (dev, spki, batch, seq, pae_sha256, frozen, revoked, successor, signer, stream, segment, "offset", receipt)
VALUES (%(dev)s, %(spki)s, %(batch)s, %(seq)s, %(pae_sha256)s, %(frozen)s, %(revoked)s, %(successor)s, %(signer)s, %(stream)s, %(segment)s, %(offset)s, %(receipt)s)
ON CONFLICT (dev) DO UPDATE SET
    spki = CASE WHEN h.spki = '' THEN excluded.spki ELSE h.spki END,
    frozen = h.frozen OR excluded.frozen,
    revoked = h.revoked OR excluded.revoked,
    successor = CASE WHEN h.successor = '' THEN excluded.successor ELSE h.successor END,
    batch = CASE WHEN h.batch < excluded.batch THEN excluded.batch ELSE h.batch END,
    seq = CASE WHEN h.batch < excluded.batch THEN excluded.seq ELSE h.seq END,
    pae_sha256 = CASE WHEN h.batch < excluded.batch THEN excluded.pae_sha256 ELSE h.pae_sha256 END,
    stream = CASE WHEN h.batch < excluded.batch THEN excluded.stream ELSE h.stream END,
    segment = CASE WHEN h.batch < excluded.batch THEN excluded.segment ELSE h.segment END,
    "offset" = CASE WHEN h.batch < excluded.batch THEN excluded."offset" ELSE h."offset" END,
    receipt = CASE WHEN h.batch < excluded.batch THEN excluded.receipt ELSE h.receipt END
