"""A collector's life over a folder without its process: what a test wants to find there, made at a tenth of the cost."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from fakes.history import History

from collector.config import parse
from collector.services import Services


@contextlib.contextmanager
def lived(data: Path) -> Iterator[History]:
    """A collector over a folder, by the settings that lie there, for as long as the block lasts; all is in its index then."""
    settings = data / "collector.toml"
    text = settings.read_text() if settings.exists() else ""
    with contextlib.closing(Services.over_folder(parse(text, data, {}))) as services:
        yield History(services)
        services.indexer.catch_up()
