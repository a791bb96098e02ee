-- a row is one batch that was kept aside that came from one of these entries of a stream's ledger, with every column
SELECT device, batch, error, at_us, stream, entry_no, segment, "offset"
FROM refused WHERE stream = $stream AND entry_no IN (SELECT unnest($numbers::BIGINT[])) ORDER BY entry_no
