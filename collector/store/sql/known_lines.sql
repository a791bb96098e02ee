-- a row is one line with its number
SELECT subscriber, id FROM line
