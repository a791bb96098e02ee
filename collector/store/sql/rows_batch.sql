-- a row is one accepted batch that came from one of these entries of a stream's ledger, with every column
SELECT device, batch, lower(hex(pae)) AS pae, first_seq, last_seq, n, lost, sealed_us, received_us, stream, entry_no,
       segment, "offset", since_us, gone
FROM batch WHERE stream = $stream AND entry_no IN (SELECT unnest($numbers::BIGINT[])) ORDER BY entry_no
