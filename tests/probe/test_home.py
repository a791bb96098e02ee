"""The state folder: one agent at a time, files whole or not at all, every defect named."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import COLLECTOR, wild

from probe.errors import AlreadyRunning, NotEnrolled, StateUnusable
from probe.home import Home, read_enrolled
from shared import strictjson
from shared.dsse import b64
from shared.errors import Malformed
from shared.strictjson import JsonObject


def told(**members: object) -> JsonObject:
    """Spell an enrolment."""
    return {
        "collector": b64(COLLECTOR.public.spki),
        "peer": {"host": "10.0.0.1", "name": "lab", "port": 8441},
        "slots": {"guard_s": 60, "slot_s": 900},
        "subscriber": "anna",
        "url": "http://10.0.0.1:8440",
        **members,  # type: ignore[dict-item]
    }


GOOD = strictjson.encode(told())


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Give an empty state folder."""
    return Home(tmp_path)


def test_nothing_there_yet(home: Home) -> None:
    """A new folder says what to do first."""
    for read in (home.key, home.enrolled):
        with pytest.raises(NotEnrolled, match="speedproof-probe enrol URL CODE"):
            read()


def test_one_agent_at_a_time(home: Home) -> None:
    """A folder that is held is refused to others until it is let go."""
    with home.lock(), pytest.raises(AlreadyRunning, match="another speedproof-probe"):
        Home(home.folder).lock()
    with home.lock():
        pass


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    """A state folder that is a file, or lies below one, is refused by name."""
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StateUnusable, match="cannot be made"):
            Home(folder)


def test_files_are_written_whole(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails half-way leaves the file as it was."""
    home.write("enrolled.json", b"first")

    def fail(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(StateUnusable, match="No space left"):
        home.write("enrolled.json", b"second")
    assert (home.folder / "enrolled.json").read_bytes() == b"first"


BREAKS: dict[str, Callable[[Path], object]] = {
    "enrolled.json is a folder": lambda folder: (folder / "enrolled.json").mkdir(),
    "enrolled.json is empty": lambda folder: (folder / "enrolled.json").write_bytes(b""),
    "enrolled.json is junk": lambda folder: (folder / "enrolled.json").write_bytes(b"\xff"),
    "enrolled.json is cut": lambda folder: (folder / "enrolled.json").write_bytes(GOOD[:-1]),
    "enrolled.json has bad slots": lambda folder: (folder / "enrolled.json").write_bytes(
        strictjson.encode(told(slots={"guard_s": 9, "slot_s": 9}))
    ),
}


@pytest.mark.parametrize("damage", BREAKS.values(), ids=BREAKS)
def test_a_damaged_enrolment_is_named(home: Home, damage: Callable[[Path], object]) -> None:
    """Whatever is wrong with the file, its name is in the message."""
    damage(home.folder)
    with pytest.raises(StateUnusable, match=r"enrolled\.json"):
        home.enrolled()


def test_a_damaged_key_is_named(home: Home) -> None:
    """A key that cannot be read is not taken for one that is missing."""
    (home.folder / "device.pem").write_bytes(b"-----BEGIN PRIVATE KEY-----\n")
    with pytest.raises(StateUnusable, match="the key in"):
        home.key()


@pytest.mark.parametrize(
    ("peer", "url"),
    [
        ({"host": "10.0.0.1", "name": "lab", "port": 1}, "http://10.0.0.1:1"),
        ({"host": "::1", "name": "lab", "port": 65_535}, "http://[::1]:65535"),
        ({"host": "peer.example", "name": "lab", "port": 443, "tls": True}, "https://peer.example:443"),
        ({"host": "peer.example", "name": "lab", "port": 80, "tls": False}, "http://peer.example:80"),
    ],
)
def test_the_peers_address(peer: JsonObject, url: str) -> None:
    """An address is bracketed where it must be, and secure where the collector says so."""
    assert read_enrolled(strictjson.encode(told(peer=peer))).peer.http_url == url


@pytest.mark.parametrize(("told_port", "udp_port"), [({}, 443), ({"udp_port": 8441}, 8441)])
def test_the_peers_reflector(told_port: JsonObject, udp_port: int) -> None:
    """STAMP is on the peer's own port unless another is named, as it is beside a port for TLS."""
    peer: JsonObject = {"host": "peer.example", "name": "lab", "port": 443, "tls": True, **told_port}
    address = read_enrolled(strictjson.encode(told(peer=peer))).peer
    assert (address.http_url, address.udp_port) == ("https://peer.example:443", udp_port)


@pytest.mark.parametrize("udp_port", [0, 65_536, -1, "8441", None])
def test_a_reflector_that_is_nowhere(udp_port: object) -> None:
    """A port that is none is refused."""
    with pytest.raises(Malformed):
        read_enrolled(
            strictjson.encode(told(peer={"host": "h", "name": "lab", "port": 443, "udp_port": udp_port}))  # type: ignore[dict-item]
            if udp_port is not None
            else GOOD.replace(b'"port":8441', b'"port":8441,"udp_port":null')
        )


def test_the_authority_is_kept_by_path() -> None:
    """The file of certificates goes to the collector and to the peer."""
    enrolled = read_enrolled(strictjson.encode(told(ca="/etc/ca.pem")))
    assert enrolled.ca == enrolled.peer.tls_ca == Path("/etc/ca.pem")


@given(wild(st.just(GOOD)))
def test_any_bytes_read_or_are_malformed(data: bytes) -> None:
    """Reading an enrolment gives one, or Malformed, and nothing else."""
    try:
        enrolled = read_enrolled(data)
    except Malformed:
        return
    assert enrolled.slots.slot_s > 0
