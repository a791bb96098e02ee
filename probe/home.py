"""The probe's state folder: key, enrolment, outbox, and the lock that lets one agent measure at a time."""

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from probe.durable import write_whole
from probe.errors import AlreadyRunning, NotEnrolled, StateUnusable
from probe.net.address import PeerAddress
from probe.platform import ranges
from probe.settings import Settings, read_settings
from shared import strictjson
from shared.dsse import b64_exact
from shared.errors import Malformed
from shared.keys import FileKey, PublicKey
from shared.slots import SlotPlan
from shared.statement import integer, sha256_hex, text
from shared.strictjson import JsonObject

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_MOST_PORT = 65535
_LOOK_S = 0.1

_KEY, _NEXT_KEY, _ENROLLED, _OUTBOX = "device.pem", "device.next.pem", "enrolled.json", "outbox"
_KEY_TO_COME = "device.rotating.pem"
_SETTINGS = "settings.toml"


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What enrolment told: where to send to, whom to believe, when to measure, what to measure against."""

    collector_url: str
    collector: PublicKey
    subscriber: str
    slots: SlotPlan
    peer: PeerAddress
    ca: Path | None
    enrolment: bytes | None = None  # the portal's envelope, which admits this device to transfers
    time_zone: str | None = None  # the line's (IANA), in which a campaign's days are counted
    device: str | None = None  # the id of the first key, by which the device is called; None: it is the key there is
    rotations: tuple[bytes, ...] = ()  # the envelopes by which other keys took its place, in their order


class Home:
    """One state folder. Files are made with mode 0600 in a folder of mode 0700."""

    def __init__(self, folder: Path) -> None:
        """Use this folder, making it if need be; raises StateUnusable."""
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StateUnusable(f"the state folder {folder} cannot be made: {error.strerror}") from error

    @property
    def outbox_folder(self) -> Path:
        """The outbox's folder."""
        return self.folder / _OUTBOX

    def settings(self) -> Settings:
        """What whoever runs this device has set; raises Malformed or StateUnusable."""
        return read_settings(self.folder / _SETTINGS)

    @property
    def is_enrolled(self) -> bool:
        """Whether an enrolment is remembered."""
        return (self.folder / _ENROLLED).exists()

    def lock(self) -> contextlib.ExitStack:
        """Hold the folder until closed; raises AlreadyRunning if another agent does."""
        held = contextlib.ExitStack()
        try:
            file = held.enter_context((self.folder / "lock").open("w"))
        except OSError as error:
            raise StateUnusable(f"{self.folder} cannot be written: {error.strerror}") from error
        try:
            _hold(file)
        except OSError as error:
            held.close()
            raise AlreadyRunning(f"another speedproof-probe measures from {self.folder}; end it first") from error
        return held

    def key(self) -> FileKey:
        """This device's key; raises NotEnrolled or StateUnusable."""
        return self._key(_KEY)

    def _key(self, name: str) -> FileKey:
        try:
            return FileKey.from_pem((self.folder / name).read_bytes())
        except FileNotFoundError as error:
            if self.is_enrolled or self.outbox_folder.exists():
                raise StateUnusable(
                    f"this device's key is gone from {self.folder}, and its chain can only be gone on with by that key; ask "
                    "support for a code and begin a new one with: speedproof-probe enrol URL CODE --new-key"
                ) from error
            raise NotEnrolled("this device is not enrolled; use: speedproof-probe enrol URL CODE") from error
        except (OSError, Malformed) as error:
            raise StateUnusable(f"the key in {self.folder} cannot be used: {error}") from error

    def key_for_enrolment(self, *, fresh: bool = False) -> FileKey:
        """The key to enrol: the one there is, or a new one that is on disk before anybody hears of it.

        `fresh` asks for a new one though there is one; it takes the old one's place in `start_anew`.
        """
        try:
            if not fresh:
                return self.key()
        except NotEnrolled:
            pass
        if fresh and (self.folder / _NEXT_KEY).exists():  # an answer was lost on the way: the same key asks again
            return self._key(_NEXT_KEY)
        key = FileKey.generate()
        self.write(_NEXT_KEY if fresh else _KEY, key.to_pem())
        return key

    def start_anew(self) -> None:
        """Set key, enrolment and outbox aside, under names that tell whose they were, and put the new key in place."""
        whose = self._whose()
        try:
            earlier = [
                file.name
                for pattern in (f"{_OUTBOX}.sqlite", f"{_OUTBOX}.sqlite-*")
                for file in self.folder.glob(pattern)
            ]
            for name in (_ENROLLED, *earlier, _OUTBOX, _KEY, _KEY_TO_COME):
                if (self.folder / name).exists():
                    (self.folder / name).replace(self.folder / f"{name}.{whose}")
        except OSError as error:
            raise StateUnusable(f"{self.folder} cannot be written: {error.strerror}") from error
        self.write(_KEY, (self.folder / _NEXT_KEY).read_bytes())
        (self.folder / _NEXT_KEY).unlink()

    def _whose(self) -> str:
        """Whose the files here are: the beginning of their key's name, or a number where the key is gone or broken."""
        try:
            return self.key().public.key_id[:8]
        except (NotEnrolled, StateUnusable):
            return f"without-key-{sum(1 for _ in self.folder.glob('*.without-key-*')) + 1}"

    def enrolled(self) -> Enrolled:
        """What enrolment told; raises NotEnrolled or StateUnusable."""
        try:
            return read_enrolled((self.folder / _ENROLLED).read_bytes().rstrip(b"\n"))
        except FileNotFoundError as error:
            raise NotEnrolled("this device is not enrolled; use: speedproof-probe enrol URL CODE") from error
        except (OSError, Malformed) as error:
            raise StateUnusable(f"enrolled.json in {self.folder} cannot be used: {error}") from error

    def key_to_come(self) -> FileKey | None:
        """The key that is to take this one's place, if the collector was asked and has not answered.

        Raises NotEnrolled or StateUnusable.
        """
        if not (self.folder / _KEY_TO_COME).exists():
            return None
        key = self._key(_KEY_TO_COME)
        if key.public == self.key().public:  # it is in place, and cut off was only this
            self.drop_key_to_come()
            return None
        return key

    def make_key_to_come(self) -> FileKey:
        """Make one, on disk before anybody hears of it; raises StateUnusable."""
        key = FileKey.generate()
        self.write(_KEY_TO_COME, key.to_pem())
        return key

    def drop_key_to_come(self) -> None:
        """Forget it: the collector has said no."""
        try:
            (self.folder / _KEY_TO_COME).unlink(missing_ok=True)
        except OSError as error:
            raise StateUnusable(f"{self.folder} cannot be written: {error.strerror}") from error

    def put_key(self, rotation: JsonObject, device: str) -> None:
        """Put it in the old one's place, and remember by which rotation; `device` is what the device is called.

        Cut off on the way it is done again. Raises StateUnusable.
        """
        try:
            told = strictjson.decode((self.folder / _ENROLLED).read_bytes().rstrip(b"\n"))
            new = (self.folder / _KEY_TO_COME).read_bytes()
            before = _rotations(told)
        except (OSError, Malformed) as error:
            raise StateUnusable(f"the new key in {self.folder} cannot be put in place: {error}") from error
        if rotation.get("payload") not in [one.get("payload") for one in before]:
            self.remember(strictjson.encode({**told, "device": device, "rotations": [*before, rotation]}))
        self.write(_KEY, new)
        self.drop_key_to_come()

    def remember(self, enrolled: bytes) -> None:
        """Remember what enrolment told."""
        self.write(_ENROLLED, enrolled + b"\n")

    def write(self, name: str, data: bytes) -> None:
        """Write a file whole or not at all, durably, for its owner only; raises StateUnusable."""
        try:
            write_whole(self.folder / name, data)
        except OSError as error:
            raise StateUnusable(f"{self.folder / name} cannot be written: {error.strerror}") from error


def _hold(file: IO[str]) -> None:
    """Lock a file; whoever only looks whether it is held lets go of it at once, and is waited for. Raises OSError."""
    for last in (False, False, True):
        try:
            _lock(file)
        except OSError:
            if last:
                raise
            time.sleep(_LOOK_S)
        else:
            return


def _lock(file: IO[str]) -> None:
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    else:
        ranges.take(file.fileno(), ranges.system())


def _rotations(told: JsonObject) -> list[JsonObject]:
    """The envelopes of rotations in `enrolled.json`; raises Malformed."""
    found = told.get("rotations", [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Malformed("rotations are no envelopes")
    return [one for one in found if isinstance(one, dict)]


def read_enrolled(data: bytes) -> Enrolled:
    """Read `enrolled.json`; raises Malformed."""
    told = strictjson.decode(data)
    peer, slots = told.get("peer"), told.get("slots")
    if not isinstance(peer, dict) or not isinstance(slots, dict):
        raise Malformed("peer or slots are missing")
    ca = told.get("ca")
    ca_file = Path(ca) if isinstance(ca, str) else None
    host, port = text(peer, "host"), integer(peer, "port", 1)
    udp_port = integer(peer, "udp_port", 1) if "udp_port" in peer else port
    if not host or max(port, udp_port) > _MOST_PORT:
        raise Malformed("the peer's host and port are no address")
    try:
        host.encode("idna")
        plan = SlotPlan(integer(slots, "slot_s", 1), integer(slots, "guard_s"))
    except Malformed:
        raise
    except ValueError as error:
        raise Malformed(str(error)) from error
    scheme = "https" if peer.get("tls") else "http"
    bracketed = f"[{host}]" if ":" in host else host
    return Enrolled(
        collector_url=text(told, "url"),
        collector=PublicKey.from_spki(b64_exact(told.get("collector"))),
        subscriber=text(told, "subscriber"),
        slots=plan,
        peer=PeerAddress(
            f"{scheme}://{bracketed}:{port}",
            host,
            udp_port,
            text(peer, "name"),
            ca_file,
            sha256_hex(peer, "key_id") if "key_id" in peer else None,
        ),
        ca=ca_file,
        enrolment=strictjson.encode(told["enrolment"]) if isinstance(told.get("enrolment"), dict) else None,
        time_zone=text(told, "time_zone") if "time_zone" in told else None,
        device=sha256_hex(told, "device") if "device" in told else None,
        rotations=tuple(strictjson.encode(one) for one in _rotations(told)),
    )
