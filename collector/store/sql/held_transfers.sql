-- a row is one statement of a peer in a stretch of a stream's ledger
SELECT entry_no, lower(hex(pae)), segment, "offset" FROM transfer
WHERE stream = $stream AND entry_no > $after_no AND entry_no <= $up_to_no ORDER BY entry_no
