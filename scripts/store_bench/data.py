"""The data of the benchmark: the same measurements for every engine, made by DuckDB in pieces, handed over as Parquet files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

DAY_US = 86_400_000_000
START_US = 1_750_000_000_000_000 // DAY_US * DAY_US
MADE = (Path(__file__).parent / "made.sql").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Size:
    """How many measurements, of how many lines, over how many days; so many are made at once."""

    records: int
    lines: int
    days: int
    piece: int

    @property
    def until_us(self) -> int:
        """When the last measurement was made."""
        return START_US + self.days * DAY_US

    def select(self, first: int, end: int) -> str:
        """The statement that makes the measurements from one number to before another; beyond the last is later."""
        step_us = self.days * DAY_US // (self.records // 3)
        return MADE.format(lines=self.lines, start_us=START_US, step_us=step_us, first=first, end=end)


def pieces(size: Size, folder: Path) -> Iterator[Path]:
    """The measurements in the order of time, as files; each is gone when the next is asked for."""
    file = folder / "piece.parquet"
    with duckdb.connect(config={"threads": "2", "memory_limit": "512MB"}) as connection:
        for first in range(0, size.records, size.piece):
            select = size.select(first, min(first + size.piece, size.records))
            connection.execute(f"COPY ({select}) TO '{file}' (FORMAT parquet, COMPRESSION snappy)")
            yield file
    file.unlink()
