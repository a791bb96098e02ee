-- a row is one measurement that becomes part of a run
INSERT INTO cold SELECT * FROM fresh ORDER BY line, at_us, device, seq
