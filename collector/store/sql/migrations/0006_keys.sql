-- Keys over time: a device is called by its first key (`device.dev`), whichever signs for it now.

-- one row for each key that took another's place (`kind` is rotation, `dev` the new key), and for each one that was revoked
CREATE TABLE key_change (device BIGINT NOT NULL, dev VARCHAR NOT NULL, kind VARCHAR NOT NULL, at_us BIGINT NOT NULL, stream BIGINT NOT NULL, entry_no BIGINT NOT NULL, segment VARCHAR NOT NULL, "offset" BIGINT NOT NULL);
