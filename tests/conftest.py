"""What costs a process to have: one for the whole run. And what takes long comes first."""

import gc
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import bucket as fake_bucket
from fakes import postgres
from hypothesis import settings

# Or every process that a test starts compiles all that it imports: half a second for a collector.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
settings.register_profile("any machine", deadline=None)  # no test asserts how long anything takes
settings.load_profile("any machine")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the slow tests, each file's together, in each worker's share: or one ends with them while the others idle."""
    workers: int = getattr(config, "workerinput", {}).get("workercount", 1)
    slow, rest = defaultdict[Path, list[pytest.Item]](list), list[pytest.Item]()
    for item in items:
        (slow[item.path] if item.get_closest_marker("slow") else rest).append(item)
    files, share = list(slow.values()), -(-len(rest) // workers)
    items[:] = [
        item
        for worker in range(workers)
        for some in (*files[worker::workers], rest[worker * share : (worker + 1) * share])
        for item in some
    ]


def pytest_collection_finish() -> None:
    """Whoever looks for what is left behind need not walk each time through all that was loaded by now."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def cluster() -> postgres.Cluster:
    """A PostgreSQL that all tests share who only want a database of their own."""
    return postgres.shared()


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """An object store of this machine, with an empty bucket; its address without a prefix."""
    with fake_bucket.serving() as address:
        yield address
