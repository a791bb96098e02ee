-- a row is where the ledger holds one entry of some kinds about a line or its devices
SELECT p.kind, p.segment, p."offset", p.stream FROM (
  SELECT 'batch' AS kind, segment, "offset", stream, entry_no FROM batch WHERE device IN (SELECT id FROM device WHERE line = $line)
  UNION ALL SELECT 'enrolment', segment, "offset", stream, entry_no FROM device WHERE line = $line
  UNION ALL SELECT kind, segment, "offset", stream, entry_no FROM key_change WHERE device IN (SELECT id FROM device WHERE line = $line)
  UNION ALL SELECT 'complaint', segment, "offset", stream, entry_no FROM complaint WHERE line = $line
  UNION ALL SELECT 'refused', segment, "offset", stream, entry_no FROM refused WHERE device IN (SELECT id FROM device WHERE line = $line)
  UNION ALL SELECT 'import', segment, "offset", stream, entry_no FROM import WHERE line = $line
  UNION ALL SELECT 'transfer', segment, "offset", stream, entry_no FROM transfer WHERE line = $line
) p ORDER BY p.stream, p.entry_no
