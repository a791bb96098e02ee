-- a row is one line that complained, with when it did so last
SELECT l.subscriber, max(c.received_us) FROM complaint c JOIN line l ON l.id = c.line GROUP BY l.subscriber ORDER BY l.subscriber
