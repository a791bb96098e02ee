-- the row is how many measurements wait for a compaction
SELECT count(*) FROM hot
