-- no row: the collector that signs for a stream from now on
UPDATE speedproof.stream SET owner = %(owner)s WHERE stream = %(stream)s
