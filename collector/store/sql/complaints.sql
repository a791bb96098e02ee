-- a row is one complaint of a line, oldest first
SELECT "text", said_us, received_us, dev FROM complaint WHERE line = $line ORDER BY received_us, stream, entry_no
