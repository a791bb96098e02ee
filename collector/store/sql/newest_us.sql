-- the row is when the newest batch of a stretch of a stream's ledger was received, none if it has no batch
SELECT max(received_us) FROM batch WHERE stream = $stream AND entry_no > $after_no AND entry_no <= $up_to_no
