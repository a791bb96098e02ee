-- a row is one signed record of a transfer with its place in the ledger, in the order in which they were kept
SELECT entry_no, dev, seq, line FROM record WHERE provenance = 'signed' AND method IN ('download', 'upload') ORDER BY entry_no, seq
