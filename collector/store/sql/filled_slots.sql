-- a row is one slot of a device, of a stretch of slots, for which anything was received
SELECT DISTINCT slot FROM record WHERE line = $line AND device = $device AND slot >= $first AND slot < $stop
