-- a row is the identity of one accepted batch, and where the ledger holds it
SELECT lower(hex(b.pae)), b.stream, b.segment, b."offset" FROM batch b WHERE b.device = $device AND b.batch = $batch
