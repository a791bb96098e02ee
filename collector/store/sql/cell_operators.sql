-- a row is one operator in whose network a cell of this number was measured, with the first and the last day (UTC) of that
SELECT operator, min("day") AS first_day, max("day") AS last_day FROM cell_day WHERE cell = $cell AND provenance = 'signed'
GROUP BY operator ORDER BY operator NULLS LAST LIMIT $most
