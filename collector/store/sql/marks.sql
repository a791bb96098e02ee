-- a row is how far one stream has come, and how many of its entries are here
SELECT stream, max(no), sum(entries)::BIGINT FROM loaded GROUP BY stream
