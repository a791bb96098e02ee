-- a row is one complaint of a subscriber, oldest first
SELECT text, said_us, received_us, dev FROM complaint WHERE subscriber = ? ORDER BY received_us, entry_no
