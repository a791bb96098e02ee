-- a row is one measurement that becomes part of a small sorted piece
INSERT INTO warm SELECT * FROM hot ORDER BY line, at_us, device, seq
