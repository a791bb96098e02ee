-- a row is one record that is removed; its share of its day's figures stays
DELETE FROM cold
WHERE stream = $stream AND provenance = 'signed' AND entry_no BETWEEN $first AND $last AND entry_no IN (SELECT entry_no FROM forgotten)
