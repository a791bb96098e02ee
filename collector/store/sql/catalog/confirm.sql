-- no row: the newest confirmed entry of a stream
UPDATE speedproof.stream SET no = %(no)s, first = coalesce(first, nullif(%(first)s, repeat('0', 64))) WHERE stream = %(stream)s
