-- a row is the line of one signed record that tells of the probe's presence or climbs the ladder, with its place in its chain
SELECT dev, seq, line FROM record WHERE subscriber = ? AND provenance = 'signed' AND method IN ('presence', 'reach') ORDER BY dev, seq
