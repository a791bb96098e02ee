-- a row is the number of the newest entry loaded, 0 if none is
SELECT coalesce(max(no), 0) FROM entry
