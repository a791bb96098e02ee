-- a row is one session that a record borne by some batches uses up
INSERT INTO spent SELECT device, session, received_us, stream, entry_no, seq FROM cold
WHERE stream = $stream AND provenance = 'signed' AND entry_no BETWEEN $first AND $last AND entry_no IN (SELECT entry_no FROM forgotten)
  AND session IS NOT NULL
