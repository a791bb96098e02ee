-- a row is one key of a device with the device's number and its line's
SELECT dev, id, line FROM device
UNION ALL SELECT k.dev, d.id, d.line FROM key_change k JOIN device d ON d.id = k.device WHERE k.kind = 'rotation'
