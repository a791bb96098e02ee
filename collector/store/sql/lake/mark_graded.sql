-- the row is the basis on which all records of one stream are graded now
INSERT INTO graded_by (basis, stream) VALUES ($basis, $stream)
