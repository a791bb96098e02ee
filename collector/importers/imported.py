"""What an imported measurement looks like in the ledger: a record line without a signature.

It has the members of a signed record as far as they mean the same (`end`, `method`, `wall_us`, `rtt_us`, `rate_bps`,
`failure`, `reason`, `flaws`, `net`), a `seq` that only numbers the lines of its file, and no `slot`.
"""

from collections.abc import Iterator, Sequence

FORMATS = ("ucc",)
SEQ_SPAN = 1_000_000  # (entry, line) becomes one number in the index
MOST_LINES = 20_000
MOST_BYTES = 4 * 1024 * 1024


def in_entries(lines: Sequence[bytes]) -> Iterator[bytes]:
    """Lines (each with its LF) as bodies that one ledger entry can hold, in order."""
    body: list[bytes] = []
    size = 0
    for line in lines:
        if body and (len(body) == MOST_LINES or size + len(line) > MOST_BYTES):
            yield b"".join(body)
            body, size = [], 0
        body.append(line)
        size += len(line)
    if body:
        yield b"".join(body)
