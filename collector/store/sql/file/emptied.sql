-- no piece is left once all are in a run; to delete millions of rows one by one would hold up whoever loads
CREATE OR REPLACE TABLE warm AS SELECT * FROM hot LIMIT 0
