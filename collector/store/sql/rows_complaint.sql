-- a row is one complaint that came from one of these entries of a stream's ledger, with every column
SELECT line, dev, said_us, received_us, "text", stream, entry_no, segment, "offset"
FROM complaint WHERE stream = $stream AND entry_no IN (SELECT unnest($numbers::BIGINT[])) ORDER BY entry_no
