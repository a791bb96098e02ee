-- The same for the small sorted pieces of an index in a file; one that is made now has the column already.
DELETE FROM warm;
ALTER TABLE warm ADD COLUMN IF NOT EXISTS skew_us BIGINT;
CREATE OR REPLACE VIEW fresh AS SELECT * FROM warm UNION ALL SELECT * FROM hot;
CREATE OR REPLACE VIEW record AS SELECT * FROM cold UNION ALL SELECT * FROM fresh;
