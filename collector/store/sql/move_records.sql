-- a row is one measurement that becomes part of a run
INSERT INTO cold SELECT * FROM hot ORDER BY line, at_us, device, seq
