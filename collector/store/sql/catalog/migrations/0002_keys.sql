-- a key that was revoked, and the id of the one that took its place (empty: none)
ALTER TABLE head ADD COLUMN revoked BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE head ADD COLUMN successor TEXT NOT NULL DEFAULT '';
