-- a row is one device with its number and its line's
SELECT dev, id, line FROM device
