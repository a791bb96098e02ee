-- a row is one statement of a peer that is one of these entries of a stream's ledger, with every column
SELECT device, line, session, lower(hex(pae)) AS pae, sid, peer, direction, at_us, dur_us, received_us, stream, entry_no, segment,
       "offset", seq, bytes, min_rtt_us
FROM transfer WHERE stream = $stream AND entry_no IN (SELECT unnest($numbers::BIGINT[])) ORDER BY entry_no
