"""The peer's key on disk."""

from pathlib import Path

import pytest

from collector.keyfiles import load_or_create
from shared.errors import NoKey
from shared.keys import FileKey


def test_a_key_is_made_once(tmp_path: Path) -> None:
    """The second start finds the key of the first, for its owner alone, and nothing else lies about."""
    path = tmp_path / "peer.pem"
    first = load_or_create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    assert load_or_create(path).public.key_id == first.public.key_id


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """A key file open to others is not used, and the message says how to mend it."""
    path = tmp_path / "peer.pem"
    load_or_create(path)
    path.chmod(0o640)
    with pytest.raises(NoKey, match=r"0640.*chmod 600"):
        load_or_create(path)


@pytest.mark.parametrize("content", [b"", b"no key", FileKey.generate().public.to_pem()])
def test_a_file_without_a_key_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    """A file that holds no private key is never written over."""
    path = tmp_path / "peer.pem"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(NoKey, match="holds no key"):
        load_or_create(path)
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    """A key file that cannot be made is refused in words."""
    (tmp_path / "file").write_text("")
    with pytest.raises(NoKey, match="cannot use the key file"):
        load_or_create(tmp_path / "file" / "peer.pem")


def test_a_key_made_meanwhile_by_another_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two first starts at once, both end up with the same key."""
    path = tmp_path / "peer.pem"
    other = load_or_create(tmp_path / "other.pem")

    def slow_exists(_path: Path) -> bool:
        path.write_bytes(other.to_pem())
        path.chmod(0o600)
        return False

    monkeypatch.setattr(Path, "exists", slow_exists)
    assert load_or_create(path).public.key_id == other.public.key_id
