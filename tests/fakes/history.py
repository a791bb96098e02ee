"""A collector's history made without HTTP: lines, devices, batches, forks, complaints, imports, in any order."""

import asyncio
import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from fakes.cosign import transfer
from fakes.device import WALL_US, Device, download

from collector.complain import Complaints
from collector.enrol import Portal
from collector.imports import keep_import
from collector.ingest import Answer, Ingest
from collector.keyfiles import load_or_create
from collector.lines import add_subscriber
from collector.services import Services
from collector.transfers import Transfers
from shared.errors import Refused
from shared.record import write_record
from shared.strictjson import JsonObject
from shared.ticket import SID_CHANCE_BYTES, make_sid
from shared.transfer import TransferStatement

CONTRACT = {"down": {"advertised_bps": 40_000_000}, "up": {"advertised_bps": 10_000_000}}


def sid_of(seq: int) -> str:
    """The number of the session for a start."""
    return make_sid(WALL_US, seq.to_bytes(SID_CHANCE_BYTES, "big"))


@dataclass(slots=True)
class History:
    """What happens to one collector. Lines are named `line-0` and so on; devices go by their number."""

    services: Services
    devices: list[Device] = field(default_factory=list)

    def line(self, name: str) -> str:
        """A line, added if it is not there."""
        told = {"id": name, "time_zone": "Europe/Prague", "criterion": "cz-mobile-cert", "contract": CONTRACT}
        add_subscriber(self.services, told)
        return name

    def device(self, line: str) -> Device:
        """One more device for a line."""
        portal, made = Portal(self.services), Device()
        code, _ = portal.give_code(self.line(line))
        portal.enrol(code, made.request(code))
        self.devices.append(made)
        return made

    def batch(self, device: Device, *records: JsonObject) -> Answer:
        """The device's next batch, accepted."""
        return asyncio.run(Ingest(self.services).take(device.next(*records)))

    def refused(self, body: bytes) -> None:
        """A batch that is not accepted."""
        with contextlib.suppress(Refused):
            asyncio.run(Ingest(self.services).take(body))

    def complaint(self, device: Device, text: str, wall_us: int = 1) -> None:
        """A complaint from a device."""
        asyncio.run(Complaints(self.services).take(device.complaint(text, wall_us)))

    def transfer(self, device: Device, seq: int | None = None, **changed: object) -> TransferStatement:
        """What the collector's own peer says of a transfer of a device, for its next start or another, handed over."""
        seq = device.seq if seq is None else seq
        told = transfer(device.dev, **{"seq": seq, "sid": sid_of(seq)} | changed)
        peer = load_or_create(self.services.config.data / "keys" / "peer.pem")
        outcomes = asyncio.run(Transfers(self.services).take(told.seal(peer) + b"\n"))
        assert outcomes == [True]
        return told

    def imported(self, line: str, records: Sequence[JsonObject]) -> None:
        """Measurements somebody else took."""
        body = b"".join(write_record({**record, "seq": number}) for number, record in enumerate(records))
        subscriber = self.services.registry.subscribers[self.line(line)]
        keep_import(self.services, subscriber, "ucc", "log.csv", hashlib.sha256(body).hexdigest(), "as it is", body)

    def eventful(self) -> None:
        """Something of everything: two lines, three devices, losses, both kinds of fork, complaints, an import."""
        one, two = self.device("line-0"), self.device("line-0")
        other = self.device("line-1")
        for number in range(3):
            self.batch(one, download(slot=number), download(end="failed", failure="eof_error"))
            self.batch(other)
        self.batch(two, {"end": "not_started", "method": "download", "reason": "battery_low", "slot": 9, "wall_us": 5})
        self.complaint(one, "Videos stop every evening.")
        self.complaint(two, "Still slow. ü 📶", 7)
        self.complaint(other, "Nothing works.")
        self.refused(one.seal(prev="1" * 64))
        self.refused(other.seal(download(dur_us=3), batch=0, prev="0" * 64, first_seq=0))
        passive: JsonObject = {"end": "ok", "method": "passive", "net": "LTE", "rate_bps": 5_000_000, "wall_us": 9}
        self.transfer(two, 0)
        self.transfer(one, 2)
        self.transfer(one)
        self.imported("line-0", [passive, passive | {"end": "not_started", "reason": "idle"}])
