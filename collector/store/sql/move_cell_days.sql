-- a row is the figures of a run, of one cell and day
INSERT INTO cold_cell_day SELECT * FROM hot_cell_day ORDER BY operator, cell, "day", method, direction
