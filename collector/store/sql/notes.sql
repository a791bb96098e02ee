-- a row is what one signed record tells of the probe's presence, or of a ladder, with its place in its chain
SELECT d.dev, r.seq, r.note FROM record r JOIN device d ON d.id = r.device
WHERE r.line = $line AND r.provenance = 'signed' AND r.method IN ('presence', 'reach') ORDER BY d.dev, r.seq, r.stream, r.entry_no
