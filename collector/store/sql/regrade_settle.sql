-- a row is one record whose session an earlier record of its device bore
UPDATE regraded SET grade = 'one_sided', grade_reason = 'session_reused', limited = NULL
FROM (SELECT stream, entry_no, seq, row_number() OVER (PARTITION BY device, session ORDER BY received_us, stream, entry_no, seq) AS place
      FROM (SELECT device, session, received_us, stream, entry_no, seq FROM regraded
            UNION ALL SELECT device, session, received_us, stream, entry_no, seq FROM spent)
      WHERE session IS NOT NULL) o
WHERE o.place > 1 AND regraded.stream = o.stream AND regraded.entry_no = o.entry_no AND regraded.seq = o.seq
