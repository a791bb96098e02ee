-- a row is one record by which a campaign was fixed or given up, in the order of its device's numbers
SELECT dev, seq, received_us, line FROM record
WHERE subscriber = ? AND provenance = 'signed' AND method = 'campaign' ORDER BY dev, seq
