-- the row is how many measurements are in no order yet, and how many in small sorted pieces
SELECT (SELECT count(*) FROM hot), (SELECT count(*) FROM warm)
