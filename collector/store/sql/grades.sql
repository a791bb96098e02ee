-- a row is how many transfers of a line in one direction have one grade, and for which reason
SELECT direction, grade, grade_reason, count(*) AS n
FROM record WHERE line = $line AND grade IS NOT NULL GROUP BY ALL ORDER BY direction, grade, grade_reason
