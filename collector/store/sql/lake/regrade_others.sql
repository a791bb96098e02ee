-- a row is one record of another stream that bears a session: whose grade stays, unless it has it from an earlier one now
INSERT INTO regraded BY NAME SELECT device, received_us, stream, entry_no, seq, grade, grade_reason, session, limited
FROM record WHERE session IS NOT NULL AND stream <> $stream
