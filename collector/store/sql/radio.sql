-- a row is the line of one measurement that holds radio facts, with its place in the timeline
SELECT dev, seq, line FROM record WHERE subscriber = ? AND at_us >= ? AND contains(line, '"radio"') ORDER BY at_us, dev, seq
