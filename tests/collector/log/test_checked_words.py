"""What others have said of the log, compared with it: quiet where it is so, named where it is not."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.stamping import Stamping, stamping
from fakes.tsa import Tsa
from fakes.witness import FakeWitness, serving

from collector.log.checked_words import WordsCheck
from collector.log.key import LogKey, Witness
from collector.log.publisher import Publisher
from collector.log.stamps import Stamps
from collector.log.tsa import authority_of, new_nonce
from collector.log.witness import Witnesses
from shared.timestamp import read_roots
from shared.tree import Edge, leaf_hash

from .test_publisher import KEY, Writing

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
pytest.importorskip("rfc3161_client", reason="the extra tsa is not installed")
ID = KEY.public.id.hex()
LEAVES = 6


@dataclass
class Said:
    """A log of six leaves of which others have said something, its folder, and the authority."""

    folder: Path
    leaves: list[bytes]
    there: Stamping

    def checked(self, *, trusts: bool = True, leaves: int = LEAVES) -> list[str]:
        """What is found."""
        found: list[str] = []
        roots = read_roots(self.there.roots.read_bytes()) if trusts else None
        words = WordsCheck.of(self.folder, KEY.public, roots, lambda where, what: found.append(f"{where}: {what}"))
        edge = Edge()
        for number, leaf in enumerate(self.leaves[:leaves]):
            edge.append(leaf_hash(leaf))
            words.leaf(number, leaf, edge)
        words.ended()
        return found

    def change(self, name: str, change: Callable[[bytes], bytes]) -> None:
        """Change a file."""
        (self.folder / name).write_bytes(change((self.folder / name).read_bytes()))


@pytest.fixture
def said(tmp_path: Path) -> Iterator[Said]:
    """Two rounds of a witness and of an authority, and each leaf with its token."""
    with contextlib.ExitStack() as opened:
        there = opened.enter_context(stamping(Tsa.begin(tmp_path / "tsa")))
        witness = opened.enter_context(serving(FakeWitness()))
        witness.logs[KEY.public.name] = KEY.public
        writing = Writing(tmp_path / "ledger")
        opened.callback(writing.ledger.close)
        folder, clock = tmp_path / "log", FakeClock()
        publisher = Publisher(folder, writing.ledger)
        opened.callback(publisher.close)
        asked = [Witness(witness.url, witness.notary.public)]
        witnesses = opened.enter_context(contextlib.closing(Witnesses(folder, publisher, KEY.public, asked, 1)))
        authority = authority_of(there.url, there.roots)
        stamps = Stamps(folder, publisher, KEY.public, authority, clock, new_nonce, every_batch=True)
        opened.callback(stamps.close)
        for _ in range(2):
            writing.leaves(LEAVES // 2)
            publisher.catch_up()
            clock.advance(1_000_000_000)
            assert witnesses.go_round() is not None
            stamps.go_round()
        yield Said(folder, list(publisher.files.leaves(0, LEAVES)), there)


def test_as_it_is(said: Said) -> None:
    """Nothing is found where nothing is wrong, nor in files that are not there or not whole yet."""
    assert said.checked() == []
    assert said.checked(trusts=False) == []
    for name in ("cosigned", f"stamped.{ID}", f"tokens.{ID}"):
        said.change(name, lambda data: data[:-3])
    assert said.checked() == []
    for name in ("cosigned", f"stamped.{ID}", f"tokens.{ID}"):
        (said.folder / name).unlink()
    assert said.checked() == []


def test_another_leaf(said: Said) -> None:
    """A leaf that was changed is not the one that others have seen: each tree with it, and its token."""
    said.leaves[4] = said.leaves[3]
    found = said.checked()
    assert len([one for one in found if "6 leaves is not of the log that follows from the ledger" in one]) == 2
    assert [one for one in found if one.startswith(f"log/tokens.{ID}: leaf 4: the time-stamp does not hold")]


def test_fewer_leaves(said: Said) -> None:
    """What others have seen and the ledger has not got is named."""
    found = said.checked(leaves=LEAVES - 1)
    assert [
        one for one in found if one.startswith("log/cosigned: a checkpoint of 6 leaves, and the ledger has not got")
    ]
    assert [one for one in found if "a token over leaf 5, which the ledger has not got" in one]


@pytest.mark.parametrize(
    ("name", "place", "says"),
    [
        ("cosigned", 4 + 30, "log/cosigned: "),
        ("stamped.{}", 16 + 30, "log/stamped.{}: holds what is no checkpoint of this log"),
        ("stamped.{}", -5, "log/stamped.{}: 6 leaves: the time-stamp does not hold"),
        ("tokens.{}", -5, "log/tokens.{}: leaf 5: the time-stamp does not hold"),
    ],
)
def test_a_flipped_bit(said: Said, name: str, place: int, says: str) -> None:
    """A bit of what they said is named with its file."""

    def flip(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[place] ^= 1
        return bytes(changed)

    said.change(name.format(ID), flip)
    assert [one for one in said.checked() if one.startswith(says.format(ID))]


def test_a_log_before_this_one(said: Said) -> None:
    """Checkpoints of another log are none of this one's business."""
    note = LogKey.generate("log.before.example").checkpoint(3, bytes(32))
    said.change("cosigned", lambda data: len(note).to_bytes(4, "big") + note + data)
    assert said.checked() == []
