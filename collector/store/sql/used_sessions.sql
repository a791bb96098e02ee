-- a row is one of these sessions that a record has borne the statement of
SELECT DISTINCT session FROM record WHERE session IN (SELECT unnest(?::VARCHAR[]))
