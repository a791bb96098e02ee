-- a row is one measurement of the hot table that is graded anew
UPDATE hot SET grade = g.grade, grade_reason = g.grade_reason, session = g.session, limited = g.limited
FROM regraded g WHERE hot.stream = g.stream AND hot.entry_no = g.entry_no AND hot.seq = g.seq
