-- a row is one measurement of the cold table that is graded anew
UPDATE cold SET grade = g.grade, grade_reason = g.grade_reason, session = g.session, limited = g.limited
FROM regraded g WHERE cold.stream = g.stream AND cold.entry_no = g.entry_no AND cold.seq = g.seq
