"""The log's key: made once, kept whole, never renamed; what it signs a note's reader accepts."""

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.log.key import FILE, PAST, LogKey, is_origin, log_key, past_logs
from shared.checkpoint import open_checkpoint
from shared.errors import Malformed, NoKey
from shared.note import NoteKey


def test_made_once(tmp_path: Path) -> None:
    """The first call makes the key, for its owner alone; every later one finds it."""
    made = log_key(tmp_path / "keys", "log2026.example.net")
    file = tmp_path / "keys" / FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert log_key(tmp_path / "keys").public == log_key(tmp_path / "keys", "log2026.example.net").public == made.public
    assert file.read_text() == made.text + "\n"


def test_not_renamed(tmp_path: Path) -> None:
    """Another name would be another log over the same tree."""
    log_key(tmp_path)
    with pytest.raises(NoKey, match="is not renamed"):
        log_key(tmp_path, "log.example.net")


def test_no_two_logs_have_one_name() -> None:
    """A key without a name gets one of its own, which no host has."""
    one, other = LogKey.generate().public.name, LogKey.generate().public.name
    assert one != other
    assert is_origin(one)
    assert one.endswith(".invalid")


def test_what_it_signs() -> None:
    """A checkpoint is read back by whoever has the vkey, and says what it was made of."""
    key, root = LogKey.generate("log.example.net"), bytes(range(32))
    found = open_checkpoint(key.checkpoint(7, root), NoteKey.from_vkey(key.public.vkey))
    assert (found.checkpoint.origin, found.checkpoint.size, found.checkpoint.root) == ("log.example.net", 7, root)


def test_the_same_word_twice() -> None:
    """Ed25519 draws no chance: one tree, one checkpoint."""
    key = LogKey.generate()
    assert key.checkpoint(3, bytes(32)) == LogKey.read(key.text).checkpoint(3, bytes(32))


@pytest.mark.parametrize(
    "spoilt",
    [
        "",
        "PRIVATE+KEY",
        "PUBLIC+KEY+a.example+00000000+AQ==",
        "PRIVATE+KEY+a.example+00000000+!!!",
        "PRIVATE+KEY+a.example+00000000+AQ==",
        "PRIVATE+KEY+a.example+00000000+",
        "PRIVATE+KEY+a.example+00000000+AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "PRIVATE+KEY+a.example+00000000+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ],
)
def test_what_is_no_key(spoilt: str, tmp_path: Path) -> None:
    """Whatever stands in the file instead is refused by name, and stays."""
    with pytest.raises(Malformed):
        LogKey.read(spoilt)
    file = tmp_path / FILE
    file.write_text(spoilt)
    file.chmod(0o600)
    with pytest.raises(NoKey, match="holds no key"):
        log_key(tmp_path)
    assert file.read_text() == spoilt


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are no key either."""
    (tmp_path / FILE).write_bytes(b"\xff\xfe")
    (tmp_path / FILE).chmod(0o600)
    with pytest.raises(NoKey, match="holds no key"):
        log_key(tmp_path)


@given(st.from_regex(r"[a-z0-9]{1,10}(\.[a-z0-9]{1,10}){1,3}", fullmatch=True))
def test_hosts_are_origins(name: str) -> None:
    """Any host's name in lower case will do."""
    assert is_origin(name)


@pytest.mark.parametrize(
    "name", ["", "log", "Log.example", "log.example/path", "log_example.net", "-a.example", "a b.c"]
)
def test_what_is_no_origin(name: str) -> None:
    """A path, a single label, capitals and blanks are no host's name: verifiers of others look for one."""
    assert not is_origin(name)


def test_a_ledger_that_was_put_back(tmp_path: Path) -> None:
    """Without its key, as in a restored backup, it gets another log; the names and keys of those before stay known."""
    first = log_key(tmp_path, "log1.example.net")
    (tmp_path / FILE).unlink()
    with pytest.raises(NoKey, match="another `origin`"):
        log_key(tmp_path, "log1.example.net")
    second = log_key(tmp_path, "log2.example.net")
    log_key(tmp_path)
    assert past_logs(tmp_path) == [first.public, second.public]


@pytest.mark.parametrize("spoilt", ["log.example", "\n"])
def test_past_logs_that_cannot_be_read(tmp_path: Path, spoilt: str) -> None:
    """A name that may have been used is not guessed."""
    (tmp_path / PAST).write_text(spoilt)
    with pytest.raises(NoKey, match="cannot use"):
        log_key(tmp_path)
