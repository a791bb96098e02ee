-- a row is the basis on which the records of one stream were graded
SELECT basis FROM graded_by WHERE stream = $stream
