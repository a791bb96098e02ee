"""The connection to a catalog: tables made once, what is refused and why, and no storm of attempts."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

import pytest
from fakes import postgres
from fakes.clock import FakeClock

from collector.catalog.chains import CatalogChains
from collector.catalog.sharing import VARIABLE, shared_of, told_of
from collector.errors import BadRequest, CatalogAway
from collector.ledger.mark import NO_FIRST

SIGNER = "5" * 64


def chains(address: str, stream: int = 0, clock: FakeClock | None = None) -> CatalogChains:
    """One end."""
    return CatalogChains(address, stream, SIGNER, clock or FakeClock(mono_us=10**9))


def test_made_once_by_whoever_comes_first() -> None:
    """Many collectors that start at once over an empty database all find the tables, made once."""
    address = postgres.shared().database()
    ends = [chains(address, stream) for stream in range(6)]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda end: end.begin(NO_FIRST), ends)) == [0] * 6
    for end in ends:
        end.close()


def test_a_newer_catalog() -> None:
    """Tables that a newer version has changed are left alone."""
    address = postgres.shared().database()
    with contextlib.closing(chains(address)) as end:
        end.begin(NO_FIRST)
    with contextlib.closing(import_module("psycopg").connect(address, autocommit=True)) as connection:
        connection.execute("INSERT INTO speedproof.migration VALUES (9999)")
    with contextlib.closing(chains(address)) as end, pytest.raises(BadRequest, match="newer speedproof"):
        end.begin(NO_FIRST)


def test_nobody_there(tmp_path: Path) -> None:
    """Where no PostgreSQL answers that is said; it is asked again after a moment and not before."""
    clock = FakeClock(mono_us=10**9)
    end = chains(f"postgresql://postgres@/x?host={tmp_path}", clock=clock)
    for says in ("No such file", "in a moment"):
        with pytest.raises(CatalogAway, match=says):
            end.begin(NO_FIRST)
    clock.advance(2_000_000)
    with pytest.raises(CatalogAway, match="No such file"):
        end.begin(NO_FIRST)


def test_what_the_writing_process_is_told() -> None:
    """The process that writes a ledger hears of the catalog by its environment, and of none without one."""
    assert told_of(None, 0, SIGNER) == {}
    assert shared_of({}, FakeClock()) is None
    told = told_of("postgresql://a/b", 7, SIGNER)
    assert set(told) == {VARIABLE}
    found = shared_of(told, FakeClock())
    assert found is not None
    assert (found.stream, found.signer) == (7, SIGNER)
