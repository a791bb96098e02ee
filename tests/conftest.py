"""What costs a process to have: one for the whole run."""

from collections.abc import Iterator

import pytest
from fakes import bucket as fake_bucket
from fakes import postgres
from hypothesis import settings

settings.register_profile("any machine", deadline=None)  # no test asserts how long anything takes
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def cluster() -> postgres.Cluster:
    """A PostgreSQL that all tests share who only want a database of their own."""
    return postgres.shared()


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """An object store of this machine, with an empty bucket; its address without a prefix."""
    with fake_bucket.serving() as address:
        yield address
