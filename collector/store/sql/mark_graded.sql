-- the row is the basis on which all records are graded now
UPDATE graded_by SET basis = ?
