-- a row is one accepted batch with what the index has of it: its place in the ledger, and how many of its records there are
SELECT b.entry_no, d.dev, b.batch, lower(hex(b.pae)), b.segment, b."offset", b.n, coalesce(r.found, 0), b.received_us, coalesce(b.gone, false)
FROM batch b JOIN device d ON d.id = b.device
LEFT JOIN (SELECT entry_no, count(*) AS found FROM record
           WHERE stream = $stream AND provenance = 'signed' AND entry_no > $after_no AND entry_no <= $up_to_no GROUP BY entry_no) r
       ON r.entry_no = b.entry_no
WHERE b.stream = $stream AND b.entry_no > $after_no AND b.entry_no <= $up_to_no ORDER BY b.entry_no
