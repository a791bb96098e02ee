-- the row is how many records of some batches have not become part of a run yet
SELECT count(*) FROM fresh
WHERE stream = $stream AND provenance = 'signed' AND entry_no BETWEEN $first AND $last AND entry_no IN (SELECT entry_no FROM forgotten)
