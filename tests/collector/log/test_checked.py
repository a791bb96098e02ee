"""`check` finds a log that is not what follows from its ledger."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from collector.ledger.frame import Entry
from collector.ledger.segments import read_entries
from collector.log.checked import LeafCheck
from collector.log.key import LogKey
from collector.log.leaves import leaf_in
from collector.log.publisher import Publisher
from shared.errors import Malformed
from shared.keys import FileKey
from shared.tree import EMPTY_ROOT

from .test_publisher import KEY, Writing

Entries = list[Entry]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> tuple[Entries, bytes]:
    """Seven leaves among other entries, and the checkpoint of them."""
    folder = tmp_path_factory.mktemp("ledger")
    writing = Writing(folder)
    with contextlib.closing(writing.ledger):
        writing.leaves(7)
        return list(read_entries(folder)), writing.ledger.newest[1]


def checked(entries: Entries, note: bytes) -> tuple[list[str], str | None]:
    """What is wrong with the leaves, and with the checkpoint."""
    check, wrong = LeafCheck(note), list[str]()
    for entry in entries:
        try:
            check.entry(entry)
        except Malformed as error:
            wrong.append(str(error))
    return wrong, check.differs()


def test_what_agrees(ledger: tuple[Entries, bytes]) -> None:
    """A ledger that grew on after its checkpoint, or has none yet, agrees."""
    entries, note = ledger
    assert checked(entries, note) == ([], None)
    assert checked(entries, b"") == ([], None)
    assert checked([], KEY.checkpoint(0, EMPTY_ROOT)) == ([], None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(lambda some: some[1:], "number 1 where 0 has to come", id="a leaf is gone"),
        pytest.param(lambda some: [some[0], *some], "number 0 where 1 has to come", id="a leaf twice"),
        pytest.param(
            lambda some: [replace(some[0], signer=FileKey.generate().public.spki), *some[1:]],
            "another key than signed it", id="another key",
        ),
        pytest.param(lambda some: [replace(some[0], signer=b"x"), *some[1:]], "not a P-256", id="no key"),
        pytest.param(lambda some: [replace(some[0], body=b"x\n"), *some[1:]], "", id="no envelope"),
    ],
)  # fmt: skip
def test_leaves_that_cannot_be(ledger: tuple[Entries, bytes], change: Callable[[Entries], Entries], words: str) -> None:
    """Each is named; a tree with such a leaf is then compared with nothing."""
    entries, note = ledger
    wrong, differs = checked(change(entries), note)
    assert wrong
    assert words in wrong[0]
    assert differs is None


def test_published_and_gone(ledger: tuple[Entries, bytes]) -> None:
    """A checkpoint of more leaves than there are, or of others, is told."""
    entries, note = ledger
    leaves = [at for at, entry in enumerate(entries) if entry.tree is not None]
    assert checked(entries[: leaves[-1]], note) == ([], "7 leaves were published, the ledger holds 6")
    other = LogKey.generate().checkpoint(7, bytes(32))
    assert checked(entries, other) == ([], "the 7 leaves that were published are not those of the ledger")
    assert checked([], KEY.checkpoint(0, bytes(32)))[1] is not None


@pytest.mark.parametrize("name", ["tile.0", "leaves"])
@pytest.mark.parametrize("leaf", [0, 3, 6])
def test_served_as_something_else(tmp_path: Path, name: str, leaf: int) -> None:
    """A flipped bit in what is served is named by the leaf and the file, once; the ledger is not blamed."""
    writing = Writing(tmp_path / "ledger")
    with (
        contextlib.closing(writing.ledger),
        contextlib.closing(Publisher(tmp_path / "log", writing.ledger)) as publisher,
    ):
        writing.leaves(7)
        publisher.catch_up()
        note, entries = writing.ledger.newest[1], list(read_entries(tmp_path / "ledger"))
    file = tmp_path / "log" / name
    whole = file.read_bytes()
    data, begin = bytearray(whole), leaf * 32
    if name == "leaves":
        sizes = [len(one) + 2 for one in map(leaf_in, entries) if one is not None]
        begin = sum(sizes[:leaf])
    data[begin + 5] ^= 1
    for found, wanted in ((whole, []), (bytes(data), [f"number {leaf} is served as something else (log/{name})"])):
        file.write_bytes(found)
        check, wrong = LeafCheck(note, tmp_path / "log"), list[str]()
        with contextlib.closing(check):
            for entry in entries:
                try:
                    check.entry(entry)
                except Malformed as error:
                    wrong.append(str(error))
            assert (wrong, check.differs()) == (wanted, None)
