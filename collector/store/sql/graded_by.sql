-- a row is the basis on which all records were graded
SELECT basis FROM graded_by
