-- no row: a device that was enrolled; a chain of which only batches were known goes on
INSERT INTO speedproof.head AS h (dev, spki, batch, seq, pae_sha256, frozen, revoked, successor, signer, stream, segment, "offset", receipt)
VALUES (%(dev)s, %(spki)s, %(batch)s, %(seq)s, %(pae_sha256)s, %(frozen)s, %(revoked)s, %(successor)s, %(signer)s, %(stream)s, %(segment)s, %(offset)s, %(receipt)s)
ON CONFLICT (dev) DO UPDATE SET spki = excluded.spki, signer = excluded.signer WHERE h.spki = ''
