-- the row is a stream's first entry and its newest confirmed one, which nobody changes until this transaction is over
SELECT first, no FROM speedproof.stream WHERE stream = %(stream)s FOR UPDATE
