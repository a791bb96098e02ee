-- a row is one imported part of a file that came from one of these entries of a stream's ledger, with every column
SELECT line, source, n, stream, entry_no, segment, "offset"
FROM import WHERE stream = $stream AND entry_no IN (SELECT unnest($numbers::BIGINT[])) ORDER BY entry_no
