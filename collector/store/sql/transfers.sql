-- a row is one statement of a peer about a device of this line, the first of those that are the same one, with what there is of its
-- start: method and end of each record of that number (unless it bears another session) or session; whether a batch speaks for that number or a later one; whether
-- the records of the batch that does were removed by a rule; whether a record of that number bears another session
WITH mine AS (
  SELECT * FROM transfer WHERE line = $line
  QUALIFY row_number() OVER (PARTITION BY device, pae ORDER BY received_us, stream, entry_no) = 1
), there AS (
  SELECT device, seq, session, method, "end" FROM record WHERE line = $line AND provenance = 'signed'
), recorded AS (
  SELECT pae, device, list(DISTINCT [method, "end"]) AS told FROM (
    SELECT m.pae, m.device, r.method, r."end" FROM mine m JOIN there r ON r.device = m.device AND r.seq = m.seq AND r.session IS NULL
    UNION ALL SELECT m.pae, m.device, r.method, r."end" FROM mine m JOIN there r ON r.device = m.device AND r.session = m.session
  ) GROUP BY pae, device
), other AS (
  SELECT DISTINCT m.pae, m.device FROM mine m JOIN there r ON r.device = m.device AND r.seq = m.seq AND r.session <> m.session
), passed AS (
  SELECT device, max(last_seq) AS last_seq FROM batch WHERE device IN (SELECT device FROM mine) GROUP BY device
), gone AS (
  SELECT DISTINCT m.pae, m.device FROM mine m JOIN batch b ON b.device = m.device AND b.gone AND m.seq BETWEEN b.first_seq AND b.last_seq
)
SELECT d.dev, m.peer, m.sid, m.seq, m.direction, m.at_us, m.dur_us, m.bytes, m.min_rtt_us, m.received_us,
       coalesce(f.told, []), coalesce(p.last_seq >= m.seq, false), g.device IS NOT NULL, o.device IS NOT NULL
FROM mine m JOIN device d ON d.id = m.device LEFT JOIN recorded f ON f.pae = m.pae AND f.device = m.device
LEFT JOIN passed p ON p.device = m.device LEFT JOIN gone g ON g.pae = m.pae AND g.device = m.device
LEFT JOIN other o ON o.pae = m.pae AND o.device = m.device
ORDER BY m.at_us, d.dev, m.sid, m.pae
