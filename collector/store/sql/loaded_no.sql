-- a row is the number of the newest entry of one stream that is here, 0 if none is
SELECT coalesce(max(no), 0) FROM loaded WHERE stream = ?
