-- a row is one record by which a campaign was fixed or given up, in the order of its device's numbers
SELECT d.dev, r.seq, r.received_us, r.note FROM record r JOIN device d ON d.id = r.device
WHERE r.line = $line AND r.provenance = 'signed' AND r.method = 'campaign' ORDER BY d.dev, r.seq, r.stream, r.entry_no
