"""Signed notes and checkpoints: what is signed reads back, and whatever is bent, foreign or too much is refused."""

import os
from pathlib import Path

import pytest
from fakes.notary import LOG, WITNESSES, Notary, checkpoint_note
from hypothesis import given
from hypothesis import strategies as st

from shared.checkpoint import Checkpoint, open_checkpoint, read_checkpoint
from shared.dsse import b64
from shared.errors import Malformed
from shared.note import COSIGNATURE, Note, NoteKey, Signature, WrongNote, check_note, read_note, sign

SHARED = Path(os.environ.get("SPEEDPROOF_SHARED", Path(__file__).resolve().parents[2].parent / "shared"))
FOLDER = SHARED / "vectors" / "integrity"
KEYS = [one.public for one in WITNESSES]
CHECKPOINT = Checkpoint(LOG.name, 7, bytes(range(32)))
lines = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)


@given(st.lists(lines, min_size=1, max_size=5), st.integers(0, 2**40))
def test_there_and_back(text: list[str], time_s: int) -> None:
    """A note that was signed and spelt reads back as it was, and everybody's signature and time are found."""
    spelt = "".join(f"{line}\n" for line in [*text, "end"])
    note = Note(spelt, (sign(spelt, LOG), sign(spelt, WITNESSES[0], time_s)))
    assert read_note(note.data) == note
    assert check_note(read_note(note.data), [LOG.public, *KEYS]) == {LOG.name: None, WITNESSES[0].name: time_s}


@given(st.data())
def test_any_bit(data: st.DataObject) -> None:
    """Whichever bit of a cosigned checkpoint is turned, it is no longer what the log and both witnesses have signed."""
    good = bytearray(checkpoint_note(CHECKPOINT, 5, 6).data)
    bit = data.draw(st.integers(0, 8 * len(good) - 1))
    good[bit // 8] ^= 1 << bit % 8
    try:
        found = open_checkpoint(bytes(good), LOG.public, KEYS)
    except Malformed:
        return
    assert len(found.cosigned_s) < 2  # a name or a key's id was hit: that one has not signed


def test_keys_are_spelt() -> None:
    """A key reads back from its spelling; another id, another type, another length or a bad name does not pass."""
    key = LOG.public
    assert NoteKey.from_vkey(key.vkey) == key
    assert key.whole_id.startswith(key.id)
    name, told_id, told = key.vkey.split("+", 2)
    for vkey in (
        f"{name}+00000000+{told}", f"{name}+{told_id}", f"{name}+{told_id}+", f"{name}+{told_id}+!", "",
        f"two words+{told_id}+{told}", f"{name}+{told_id}+{b64(bytes([9]) + key.key)}", f"{name}+{told_id}+{b64(bytes(9))}",
    ):  # fmt: skip
        with pytest.raises(Malformed):
            NoteKey.from_vkey(vkey)


def test_what_the_library_does_not_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that the library refuses is none."""

    class Strict:
        def ed25519(self, raw: bytes) -> None:
            raise ValueError(raw)

    monkeypatch.setattr("shared.note.chosen", Strict)
    with pytest.raises(Malformed, match="Ed25519"):
        NoteKey.of("name", 1, bytes(32))


GOOD = checkpoint_note(CHECKPOINT, 5).data
LINE = GOOD.splitlines(keepends=True)[-1]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "a blank line"),
        (b"text\n\n", "a blank line"),
        (GOOD[:-1], "a blank line"),
        (b"\n\n" + LINE, "a blank line"),
        (GOOD.replace(b"7\n", b"7\r\n"), "control"),
        (GOOD + b"\xff", "UTF-8"),
        (GOOD + b"x" * 1_000_000, "more than 1000000 bytes"),
        (GOOD + LINE * 99, "more than 100 signatures"),
        (GOOD.replace("\u2014 w".encode(), b"- w"), "a dash"),
        (GOOD + "\u2014 name\n".encode(), "a dash"),
        (GOOD + "\u2014 a+b AAAA\n".encode(), "a dash"),
        (GOOD + "\u2014 name AAAA\n".encode(), "without its key's id"),
        (GOOD + "\u2014 name !\n".encode(), "base64"),
    ],
)
def test_what_is_no_note(data: bytes, words: str) -> None:
    """What is not spelt as a note is refused with the reason."""
    with pytest.raises(Malformed, match=words):
        read_note(data)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("origin\n7\n", "an origin, a size and a root"),
        ("\n7\n" + b64(bytes(32)) + "\n", "an origin, a size and a root"),
        ("origin\n07\n" + b64(bytes(32)) + "\n", "decimal"),
        ("origin\n-1\n" + b64(bytes(32)) + "\n", "decimal"),
        ("origin\n9999999999999999\n" + b64(bytes(32)) + "\n", "decimal"),
        ("origin\n7\n" + b64(bytes(31)) + "\n", "32 bytes"),
        ("origin\n7\nro!t\n", "base64"),
    ],
)
def test_what_is_no_checkpoint(text: str, words: str) -> None:
    """A signed text that is no checkpoint is refused with the reason."""
    with pytest.raises(Malformed, match=words):
        read_checkpoint(text)


def test_whose_checkpoint() -> None:
    """A checkpoint of another log, one the log has not signed, and one signed by another key of its name do not pass."""
    text = CHECKPOINT.text
    with pytest.raises(WrongNote, match="not of"):
        open_checkpoint(checkpoint_note(Checkpoint("other.example", 7, bytes(32))).data, LOG.public)
    with pytest.raises(WrongNote, match="has not signed"):
        open_checkpoint(Note(text, (sign(text, WITNESSES[0], 5),)).data, LOG.public)
    with pytest.raises(WrongNote, match="has not signed"):
        open_checkpoint(Note(text, (sign(text, Notary(LOG.name, 9)),)).data, LOG.public)


def test_signatures_that_do_not_fit() -> None:
    """A signature of a known key over something else, cut short, or with another time spoils the note."""
    text, (witness, *_) = CHECKPOINT.text, WITNESSES
    good = sign(text, witness, 5)
    for bad in (
        sign(text + "x", witness, 5), Signature(good.name, good.blob[:-1]), Signature(good.name, good.blob[:4] + bytes(8) + good.blob[12:]),
    ):  # fmt: skip
        with pytest.raises(WrongNote):
            open_checkpoint(Note(text, (sign(text, LOG), bad)).data, LOG.public, KEYS)
    with pytest.raises(WrongNote, match="not a signature of"):
        witness.public.check(sign(text, LOG), text)
    for signer, time_s in ((LOG, 5), (witness, None)):
        with pytest.raises(ValueError, match="has a time"):
            sign(text, signer, time_s)


def test_a_quorum() -> None:
    """So many witnesses that one trusts make a quorum, at the time of the one that completed it; strangers count for nothing."""
    found = open_checkpoint(checkpoint_note(CHECKPOINT, 30, 10, 20).data, LOG.public, KEYS)
    assert [found.by_quorum_s(quorum) for quorum in range(5)] == [10, 10, 20, 30, None]
    assert open_checkpoint(found.note.data, LOG.public, KEYS[:1]).by_quorum_s(2) is None
    stranger = Notary("stranger.example", 1, COSIGNATURE)
    text = CHECKPOINT.text
    note = Note(text, (sign(text, LOG), sign(text, stranger, 1)))
    assert open_checkpoint(note.data, LOG.public, KEYS).cosigned_s == {}


def test_further_lines_are_kept() -> None:
    """What else a log says in a checkpoint is signed, kept, and means nothing."""
    more = Checkpoint(LOG.name, 0, bytes(32), ("more", "and more"))
    assert open_checkpoint(checkpoint_note(more).data, LOG.public).checkpoint == more


@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no golden vectors in {FOLDER}")
def test_vectors() -> None:
    """Checkpoints made by others pass, by their keys as those spell them."""
    log, witness = (NoteKey.from_vkey((FOLDER / name).read_text()) for name in ("log.vkey", "witness.vkey"))
    for name, size, time_s in (
        ("checkpoint.2", 2, 1795305603),
        ("checkpoint.11", 11, 1795310570),
        ("checkpoint", 23, 1795310640),
    ):
        data = (FOLDER / name).read_bytes()
        found = open_checkpoint(data, log, [witness])
        assert (found.checkpoint.size, found.cosigned_s, found.note.data) == (size, {witness.name: time_s}, data)
