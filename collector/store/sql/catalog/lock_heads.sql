-- a row is one of these devices, which nobody changes until this transaction is over; in an order in which nobody waits in a circle
SELECT dev, spki, batch, seq, pae_sha256, frozen, revoked, successor, signer, stream, segment, "offset", receipt
FROM speedproof.head WHERE dev = ANY(%(devs)s) ORDER BY dev FOR UPDATE
