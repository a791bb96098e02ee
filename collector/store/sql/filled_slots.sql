-- a row is one slot of a device for which anything was received
SELECT DISTINCT slot FROM record WHERE dev = ? AND provenance = 'signed' AND slot IS NOT NULL
