"""Ledgers without a collector: entries of several streams, made one by one, nothing of it on disk. TEST ONLY keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from fakes.cosign import PEER, transfer
from fakes.device import Device
from strategies import PORTAL, key_of_scalar

from collector.ledger.frame import Entry, EntryKind
from collector.store.left import Left, write_left
from shared import dsse
from shared.record import write_record
from shared.revocation import make_revocation
from shared.rotation import Whose, make_rotation
from shared.statement import Kind, Statement
from shared.strictjson import Json, JsonObject, encode

START_US = 1_000_000


@dataclass
class Streams:
    """What each stream's ledger holds, and who sends into it."""

    entries: dict[int, list[Entry]] = field(default_factory=lambda: {0: [], 1: []})
    lines: list[str] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)

    def _keep(self, kind: EntryKind, meta: JsonObject, body: bytes, at_us: int, stream: int = 0) -> Entry:
        ledger = self.entries[stream]
        offset = ledger[-1].offset + len(ledger[-1].body) if ledger else 0
        ledger.append(Entry(len(ledger) + 1, kind, at_us, meta, body, "000001.ndjson", offset))
        return ledger[-1]

    def line(self, name: str) -> None:
        """A line; said twice it is the same."""
        self._keep(EntryKind.SUBSCRIBER, {}, encode({"id": name}) + b"\n", START_US)
        self.lines.append(name)

    def device(self, line: str, at_us: int = START_US) -> Device:
        """A device of a line."""
        made = Device(key_of_scalar(0xD000 + len(self.devices)))
        asked = Statement(Kind.ENROL_REQUEST, "device", made.dev, {"spki": dsse.b64(made.key.public.spki)}).encode()
        request: JsonObject = {"p": dsse.b64(asked), "s": ""}
        told = Statement(Kind.ENROL, "device", made.dev, {"request": request, "t_us": at_us}).encode()
        meta: JsonObject = {"guard_s": 60, "slot_s": 900, "subscriber": line}
        self._keep(EntryKind.ENROLMENT, meta, dsse.seal(told, PORTAL) + b"\n", at_us)
        self.devices.append(made)
        return made

    def rotated(self, device: Device, at_us: int = START_US, stream: int = 0) -> Device:
        """The device with a new key, which goes on with its chain; the old copy of it stays as it was."""
        made = replace(device, key=key_of_scalar(0xE000 + sum(map(len, self.entries.values()))))
        line = make_rotation(Whose.DEVICE, device.key, made.key)
        self._keep(EntryKind.ROTATION, {"dev": device.dev, "new": made.dev}, line + b"\n", at_us, stream)
        return made

    def revoked(self, device: Device, at_us: int, since_us: int | None = None, stream: int = 0) -> None:
        """Nothing is taken from a device any more."""
        line = make_revocation(device.dev, "stolen", at_us, PORTAL, since_us)
        self._keep(EntryKind.REVOCATION, {"dev": device.dev}, line + b"\n", at_us, stream)

    def batch(
        self,
        device: Device,
        records: Sequence[JsonObject],
        at_us: int,
        stream: int = 0,
        lost: int = 0,
        since_s: int | None = None,
    ) -> Entry:
        """A device's next batch, received by one of the collectors; `since_s`: what it knew of its beacon."""
        number, body = device.batch, device.next(*records, lost=lost)
        meta: JsonObject = {"batch": number, "dev": device.dev, "head": device.prev, "last_seq": device.seq - 1}
        if since_s is not None:
            meta["since_s"] = since_s
        return self._keep(EntryKind.BATCH, meta | {"receipt": {"payload": str(number)}}, body, at_us, stream)

    def transfer(self, device: Device, at_us: int, stream: int = 0, **changed: object) -> Entry:
        """A peer's word on a transfer of a device, received by one of the collectors."""
        line = transfer(device.dev, **changed).seal(PEER)
        entry = self._keep(EntryKind.TRANSFER, {"dev": device.dev}, line + b"\n", at_us, stream)
        self.entries[stream][-1] = entry = replace(entry, signer=PEER.public.spki)
        return entry

    def refused(self, device: Device, error: str, at_us: int, stream: int = 0) -> None:
        """A batch that was kept aside."""
        self._keep(EntryKind.REFUSED, {"batch": 0, "dev": device.dev, "error": error}, b"x\n", at_us, stream)

    def complaint(self, device: Device, line: str, text: str, at_us: int) -> None:
        """A complaint."""
        self._keep(
            EntryKind.COMPLAINT, {"dev": device.dev, "subscriber": line}, device.complaint(text, at_us) + b"\n", at_us
        )

    def remove(self, numbers: Sequence[int], left: Mapping[int, Left], stream: int = 0) -> None:
        """Remove the records of these batches, as retention does it."""
        for no in numbers:
            entry = self.entries[stream][no - 1]
            if entry.left is None:
                line = entry.body.partition(b"\n")[0] + b"\n"
                noted = write_left(left.get(no, Left()))
                self.entries[stream][no - 1] = replace(entry, body=line, left=noted)

    def imported(self, line: str, records: Sequence[JsonObject], at_us: int, stream: int = 0) -> None:
        """A part of a file."""
        lines = [write_record({**members, "seq": number}) for number, members in enumerate(records)]
        meta: dict[str, Json] = {"format": "ucc", "subscriber": line}
        self._keep(EntryKind.IMPORT, meta, b"".join(lines), at_us, stream)
