-- a row is one record, here or removed, that bears one of these sessions, or of these and those in between
SELECT device, session, received_us, stream, entry_no, seq
FROM (SELECT device, session, received_us, stream, entry_no, seq FROM record UNION ALL SELECT device, session, received_us, stream, entry_no, seq FROM spent)
WHERE session BETWEEN $first AND $last AND session IN (SELECT unnest($sessions::BIGINT[])) AND device IN (SELECT unnest($devices::BIGINT[]))
