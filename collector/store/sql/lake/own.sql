-- the row is a stream with the collector whose ledger it is from now on
INSERT INTO owner VALUES ($stream, $collector)
