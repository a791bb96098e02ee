-- An index in a file sorts what is hot into small pieces first, so that a question need not read millions of unsorted rows.
-- one row for each measurement in such a piece, each piece in the order of line, time, device and number
CREATE TABLE warm AS SELECT * FROM hot LIMIT 0;
CREATE OR REPLACE VIEW fresh AS SELECT * FROM warm UNION ALL SELECT * FROM hot;
