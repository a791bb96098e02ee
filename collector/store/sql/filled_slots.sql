-- a row is one slot of a device for which anything was received
SELECT DISTINCT slot FROM record WHERE line = $line AND device = $device AND slot IS NOT NULL
