"""Whose counter-signature is believed: one's own peer's, and that of peers whose keys lie in the folder."""

from pathlib import Path

import pytest
from fakes.cosign import OTHER_PEER, PEER, trust

from collector.config import Config
from collector.keyfiles import load_or_create
from collector.peerkeys import trusted_peers
from collector.services import Services
from shared.errors import NoKey


def test_its_own_peer_is_trusted(tmp_path: Path) -> None:
    """The key that the folder's own peer will sign with is made if need be, and believed from the first start on."""
    keys = tmp_path / "keys"
    first = trusted_peers(keys)
    assert [key.key_id for key in first.values()] == [load_or_create(keys / "peer.pem").public.key_id]
    assert trusted_peers(keys) == first


def test_further_peers(tmp_path: Path) -> None:
    """A public key in the folder is believed; what is no .pem is not looked at."""
    trust(tmp_path, PEER, OTHER_PEER)
    (tmp_path / "keys" / "peers" / "notes.txt").write_text("who runs which")
    found = trusted_peers(tmp_path / "keys")
    assert len(found) == 3
    assert {key.public.key_id for key in (PEER, OTHER_PEER)} < {key.key_id for key in found.values()}
    assert all(short == key.key_id[:16] for short, key in found.items())


@pytest.mark.parametrize("content", [b"", b"not a key", PEER.to_pem()], ids=["empty", "text", "private"])
def test_what_is_no_public_key_is_refused_by_name(tmp_path: Path, config: Config, content: bytes) -> None:
    """A collector does not start with a key file it cannot use, since nobody would see what it no longer believes."""
    trust(config.data, OTHER_PEER)
    (config.data / "keys" / "peers" / "bad.pem").write_bytes(content)
    with pytest.raises(NoKey, match=r"bad\.pem is no public key"):
        Services.over_folder(config)


def test_a_key_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A key that is there and cannot be read is not passed over."""
    folder = tmp_path / "keys" / "peers"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "dangling.pem").symlink_to(folder / "gone")
    with pytest.raises(NoKey, match=r"cannot read the peer's key .*dangling\.pem"):
        trusted_peers(tmp_path / "keys")
