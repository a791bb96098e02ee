"""What an index may take of its machine."""

from dataclasses import dataclass

RUN_ROWS = 2_000_000  # shorter runs make a timeline touch more of them, longer ones make a compaction's stall longer


@dataclass(frozen=True, slots=True)
class Limits:
    """`memory` as the engine spells it; `run_rows`: so many new records are sorted into one run."""

    memory: str = "1GB"
    threads: int = 2
    run_rows: int = RUN_ROWS
