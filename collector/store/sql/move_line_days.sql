-- a row is the figures of a run, of one line and day
INSERT INTO cold_line_day SELECT * FROM hot_line_day ORDER BY line, "day", method, direction
