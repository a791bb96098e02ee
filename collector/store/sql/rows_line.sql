-- a row is one subscriber's line that came from one of these entries of a stream's ledger, with every column
SELECT id, subscriber, stream, entry_no
FROM line WHERE stream = $stream AND entry_no IN (SELECT unnest($numbers::BIGINT[])) ORDER BY entry_no
