-- a row is one session that a record of a batch bears
SELECT entry_no, session, seq FROM record
WHERE stream = $stream AND provenance = 'signed' AND entry_no > $after_no AND entry_no <= $up_to_no AND session IS NOT NULL
ORDER BY entry_no, seq
