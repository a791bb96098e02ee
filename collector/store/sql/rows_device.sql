-- a row is one enrolled key that came from one of these entries of a stream's ledger, with every column
SELECT id, line, dev, enrolled_us, slot_s, guard_s, stream, entry_no, segment, "offset"
FROM device WHERE stream = $stream AND entry_no IN (SELECT unnest($numbers::BIGINT[])) ORDER BY entry_no
