-- a row is one key of a device with the device's number, its line's, and how long its slots are
SELECT dev, id, line, slot_s FROM device
UNION ALL SELECT k.dev, d.id, d.line, d.slot_s FROM key_change k JOIN device d ON d.id = k.device WHERE k.kind = 'rotation'
