-- a row is the collector whose ledger a stream is
SELECT collector FROM owner WHERE stream = $stream
