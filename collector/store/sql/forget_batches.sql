-- a row is one batch whose records are removed
UPDATE batch SET gone = true
WHERE stream = $stream AND entry_no BETWEEN $first AND $last AND entry_no IN (SELECT entry_no FROM forgotten) AND gone IS NULL
