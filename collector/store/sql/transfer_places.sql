-- a row is where the ledger holds one batch that has transfers in it, and whose it is; in the order in which they were received
SELECT b.device, b.received_us, b.stream, b.segment, b."offset" FROM batch b
WHERE EXISTS (SELECT 1 FROM record r WHERE r.stream = b.stream AND r.entry_no = b.entry_no AND r.grade IS NOT NULL)
ORDER BY b.received_us, b.stream, b.entry_no
