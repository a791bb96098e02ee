"""Collectors that share a lake and its catalog, each over a folder and a ledger of its own, all with the same keys."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fakes.engines import lake_of

from collector.config import Config
from collector.keyfiles import load_or_create

KEYS = ("collector.pem", "portal.pem")


def configs(folder: Path, number: int = 2) -> list[Config]:
    """Their configurations; skips the test if there is no PostgreSQL."""
    address = lake_of(folder)
    first = folder / "collector-1"
    made = [Config(data=folder / f"collector-{stream}") for stream in range(1, number + 1)]
    for name in KEYS:
        load_or_create(first / "keys" / name)
    for one in made[1:]:
        shutil.copytree(first / "keys", one.data / "keys")
    shared = [replace(one, catalog=address.catalog, lake=address.files, stream=at) for at, one in enumerate(made, 1)]
    for one in shared:
        write_toml(one)
    return shared


def write_toml(config: Config) -> None:
    """Say it in the folder's own file, too."""
    told = f'catalog = "{config.catalog}"\nlake = "{config.lake}"\nstream = {config.stream}\n'
    (config.data / "collector.toml").write_text(told)


def twice(rows: Sequence[object]) -> list[object]:
    """What is there more than once."""
    return sorted({row for row in rows if rows.count(row) > 1}, key=repr)
