-- a row is the identity of one transfer that has one of these session numbers
SELECT DISTINCT lower(hex(pae)) FROM transfer
WHERE session BETWEEN $first AND $last AND session IN (SELECT unnest($sessions::BIGINT[]))
