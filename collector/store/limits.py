"""What an index may take of its machine."""

from dataclasses import dataclass

# Shorter runs make a timeline touch more of them; longer ones gain nothing (facts/storage.md, section 6).
RUN_ROWS = 4_000_000
SORT_ROWS = 500_000  # what a question reads without order; smaller pieces are more places to read from cold files
LAKE_RUN_ROWS = 250_000  # a run is made while loads wait, and what is hot lies in many files
# A checkpoint holds up a load for about a tenth of a second per 24 MB of log, about 100,000 records: often is short.
CHECKPOINT_BYTES = 24_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """`memory` as the engine spells it; `run_rows`: so many new records are sorted into one run, `sort_rows` into one piece.

    `checkpoint_bytes`: when the engine's log is as long as that it is written into the file, with the next compaction.
    """

    memory: str = "1GB"
    threads: int = 2
    run_rows: int = RUN_ROWS
    checkpoint_bytes: int = CHECKPOINT_BYTES
    sort_rows: int = SORT_ROWS
