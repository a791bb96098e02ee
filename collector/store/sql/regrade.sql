-- a row is one signed record that is graded anew
UPDATE record SET grade = g.grade, grade_reason = g.grade_reason, session = g.session, flaws = g.flaws
FROM (SELECT unnest(from_json(?, '[{"entry_no":"BIGINT","seq":"BIGINT","grade":"VARCHAR","grade_reason":"VARCHAR","session":"VARCHAR","flaws":["VARCHAR"]}]'), recursive := true)) g
WHERE record.entry_no = g.entry_no AND record.seq = g.seq
