-- a row is one measurement in a small piece that is graded anew
UPDATE warm SET grade = g.grade, grade_reason = g.grade_reason, session = g.session, limited = g.limited
FROM regraded g WHERE warm.stream = g.stream AND warm.entry_no = g.entry_no AND warm.seq = g.seq
