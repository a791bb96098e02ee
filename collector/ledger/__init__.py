"""The ledger: everything that was ever accepted, in order, as bytes; the system of record.

`frame` is the format (pure), `segments` reads files and mends a torn end, `writer` appends with group commit.
"""
