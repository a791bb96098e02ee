-- the row is one device
SELECT dev, spki, batch, seq, pae_sha256, frozen, revoked, successor, signer, stream, segment, "offset", receipt FROM speedproof.head WHERE dev = %(dev)s
