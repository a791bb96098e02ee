-- a row is the identity and the receipt of one accepted batch
SELECT pae_sha256, receipt FROM batch WHERE dev = ? AND batch = ?
