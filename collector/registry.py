"""What the collector must know before it answers: lines, devices, open codes. A fold over the ledger.

Everything here is small and can be had again by applying the ledger's entries in order; nothing else may change it.
`key_of` is step 3 of the verification (FORMAT.md): unknown, revoked, frozen. A device is a key and those that took its place,
one after the other; it is called by the first of them.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from collector.entered import OwnKeys
from collector.errors import LedgerDamaged
from collector.ledger.chains import WAS_REPLACED, WAS_REVOKED
from collector.ledger.changed import Revoked, revocation_in, rotated_in
from collector.ledger.enrolled import enrolled_spki
from collector.ledger.frame import Entry, EntryKind
from shared import statement
from shared.dsse import b64_exact, read_envelope
from shared.enrolment import FILE_CLASS
from shared.errors import FrozenKey, Malformed, Refused, RevokedKey, UnknownKey
from shared.keys import PublicKey
from shared.slots import SlotPlan
from shared.statement import Kind
from shared.strictjson import JsonObject, decode

CODE_TRIES = 5
_SCRYPT = {"n": 2**13, "r": 8, "p": 1, "dklen": 32}


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One line of one customer: its zone, what its contract promises (bit/s by direction), the rule it is judged by."""

    id: str
    time_zone: str
    criterion: str
    contract: Mapping[str, Mapping[str, int]]
    area_class: str | None
    added_us: int


@dataclass(frozen=True, slots=True)
class Device:
    """A key that was enrolled, or took the place of one that was."""

    key: PublicKey
    subscriber: str
    plan: SlotPlan
    enrolled_us: int
    handle: str
    enrolment: bytes
    frozen_us: int | None = None  # since when nothing is taken from it
    key_class: str = FILE_CLASS
    since_us: int = 0  # when it took the place of another (by our clock)
    first_key: str = ""  # the id of the key that was enrolled; empty: this one
    successor: str = ""  # the id of the key that took its place
    revoked: Revoked | None = None

    @property
    def name(self) -> str:
        """What the device is called by: the id of its first key."""
        return self.first_key or self.key.key_id


@dataclass(frozen=True, slots=True)
class OpenCode:
    """An enrolment code as kept: never the code itself. `handle`, its first four symbols, finds it again."""

    handle: str
    salt: bytes
    digest: bytes
    subscriber: str
    expires_us: int

    def is_for(self, code: str) -> bool:
        """Whether this is the code; slow on purpose."""
        return code_digest(code, self.salt) == self.digest


def code_digest(code: str, salt: bytes) -> bytes:
    """How a code is kept (scrypt, about 30 ms)."""
    return hashlib.scrypt(code.encode(), salt=salt, **_SCRYPT)


@dataclass(frozen=True, slots=True)
class Noted:
    """That something was kept: its entry's number, and when (unix µs)."""

    no: int
    at_us: int


@dataclass(frozen=True, slots=True)
class Retained:
    """What the ledger says last of the records that were removed from a segment: by its tombstone's SHA-256."""

    no: int
    seal: str
    tombstone: str


@dataclass(slots=True)
class Registry:
    """The state after the entries applied so far."""

    subscribers: dict[str, Subscriber] = field(default_factory=dict)
    devices: dict[str, Device] = field(default_factory=dict)
    codes: dict[str, OpenCode] = field(default_factory=dict)
    complaints: dict[str, Noted] = field(default_factory=dict)
    refused: set[tuple[str, int, bool]] = field(default_factory=set)
    imports: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    readings: dict[tuple[str, str], str] = field(default_factory=dict)
    retained: dict[str, Retained] = field(default_factory=dict)  # by segment
    own: OwnKeys = field(default_factory=OwnKeys)  # of this server
    redeemed: dict[str, int] = field(default_factory=dict)  # when a code with this handle was used last
    frozen: dict[str, int] = field(default_factory=dict)  # since when a key is
    replaced: dict[str, tuple[PublicKey, str, int]] = field(default_factory=dict)  # by which key, its class, and when
    revoked: dict[str, Revoked] = field(default_factory=dict)
    of_many: bool = (
        False  # ledgers: then a catalog that had forgotten can tell of a key that was frozen before its enrolment
    )

    def key_of(self, key_id: str) -> PublicKey:
        """The key a batch may be signed with; raises UnknownKey, RevokedKey or FrozenKey (step 3)."""
        device = self.devices.get(key_id)
        if device is None:
            raise UnknownKey(3, f"no device with key {key_id[:16]}… is enrolled here")
        if device.revoked is not None:
            raise RevokedKey(3, WAS_REVOKED)
        if device.successor:
            raise RevokedKey(3, WAS_REPLACED)
        if device.frozen_us is not None:
            raise FrozenKey(3, "this key signed two different batches of one number; enrol the device anew")
        return device.key

    def keys_of(self, dev: str) -> list[Device]:
        """The keys of the device that this key is one of, in their order; none if it is not known."""
        device = self.devices.get(dev)
        found = [] if device is None else [self.devices[device.name]]
        while found and found[-1].successor in self.devices:
            found.append(self.devices[found[-1].successor])
        return found

    def has_import(self, subscriber: str, file_sha256: str, body: bytes) -> bool:
        """Whether this very part of this file was imported for this subscriber before."""
        return hashlib.sha256(body).hexdigest() in self.imports.get((subscriber, file_sha256), set())

    def apply(self, entry: Entry, body_sha256: str | None = None) -> None:
        """Take in one entry; raises LedgerDamaged if it says what cannot be. Of an import the body's SHA-256 is enough."""
        try:
            self._apply(entry, body_sha256 or hashlib.sha256(entry.body).hexdigest())
        except (Malformed, Refused, KeyError, TypeError) as error:
            raise LedgerDamaged(f"entry {entry.no} ({entry.kind}): {error}") from error

    def _apply(self, entry: Entry, body_sha256: str) -> None:
        match entry.kind:
            case EntryKind.SUBSCRIBER:
                subscriber = read_subscriber(decode(entry.body[:-1]), entry.at_us)
                self.subscribers[subscriber.id] = subscriber
            case EntryKind.CODE:
                code = _read_code(entry.meta)
                if self.redeemed.get(code.handle, -1) <= entry.at_us:  # else it is told after its own use
                    self.codes[code.handle] = code
            case EntryKind.ENROLMENT:
                self._enrol(entry)
            case EntryKind.BATCH | EntryKind.TRANSFER:
                pass  # `ledger.chains` knows where chains stand, the index which transfers there are
            case EntryKind.REFUSED:
                dev = statement.sha256_hex(entry.meta, "dev")
                freezes = bool(entry.meta.get("freeze"))
                self.refused.add((dev, statement.integer(entry.meta, "batch"), freezes))
                if freezes:
                    self.frozen[dev] = entry.at_us
                    self._carry(dev)
            case EntryKind.COMPLAINT:
                self.complaints[read_envelope(entry.body[:-1]).pae_sha256] = Noted(entry.no, entry.at_us)
            case EntryKind.IMPORT:
                file = (statement.text(entry.meta, "subscriber"), statement.text(entry.meta, "sha256"))
                self.imports.setdefault(file, set()).add(body_sha256)
                self.readings[file] = statement.text(entry.meta, "reading")
            case EntryKind.RETENTION:
                segment, retained = read_retention(entry)
                self.retained[segment] = retained
            case EntryKind.SERVER_KEY | EntryKind.NEXT_LOG:
                self.own.apply(entry)
            case EntryKind.ROTATION:
                old, new = rotated_in(entry.body)
                told = statement.read_statement(read_envelope(entry.body[:-1]).payload, Kind.ROTATE).predicate
                key_class = statement.text(told, "key") if "key" in told else FILE_CLASS
                self.replaced[old] = new, key_class, entry.at_us
                self._carry(old)
            case EntryKind.REVOCATION:
                dev, revoked = revocation_in(entry)
                self.revoked[dev] = revoked.also(self.revoked.get(dev))
                self._carry(dev)

    def _carry(self, dev: str) -> None:
        """Have what is known of a key said of its device, and of the keys that took its place.

        Of many ledgers a catalog that had forgotten can tell these things before the enrolment.
        """
        if dev not in self.devices and not self.of_many:
            raise KeyError(dev)
        while (device := self.devices.get(dev)) is not None:
            replaced = self.replaced.get(dev)
            device = self.devices[dev] = replace(
                device,
                frozen_us=self.frozen.get(dev),
                revoked=self.revoked.get(dev, device.revoked),
                successor="" if replaced is None else replaced[0].key_id,
            )
            if replaced is None:
                return
            key, key_class, since_us = replaced
            dev = key.key_id
            self.devices[dev] = replace(
                device, key=key, key_class=key_class, since_us=since_us, first_key=device.name, successor=""
            )

    def _enrol(self, entry: Entry) -> None:
        told = statement.read_statement(read_envelope(entry.body[:-1]).payload, Kind.ENROL)
        key = PublicKey.from_spki(enrolled_spki(told))
        plan = SlotPlan(statement.integer(entry.meta, "slot_s", 1), statement.integer(entry.meta, "guard_s"))
        handle = statement.text(entry.meta, "handle")
        self.devices[key.key_id] = Device(
            key,
            statement.text(entry.meta, "subscriber"),
            plan,
            statement.integer(told.predicate, "t_us"),
            handle,
            entry.body[:-1],
            key_class=statement.text(told.predicate, "key"),
        )
        self._carry(key.key_id)
        self.codes.pop(handle, None)
        self.redeemed[handle] = max(entry.at_us, self.redeemed.get(handle, -1))


def read_subscriber(fields: JsonObject, added_us: int) -> Subscriber:
    """A subscriber as the ledger keeps him; raises Malformed."""
    contract = fields.get("contract")
    if not isinstance(contract, dict):
        raise Malformed("a subscriber without a contract")
    speeds: dict[str, dict[str, int]] = {}
    for direction, promised in contract.items():
        if not isinstance(promised, dict):
            raise Malformed(f"the contract's {direction} is not a table")
        speeds[direction] = {name: statement.integer(promised, name, 1) for name in promised}
    area = fields.get("area_class")
    return Subscriber(
        statement.text(fields, "id"),
        statement.text(fields, "time_zone"),
        statement.text(fields, "criterion"),
        speeds,
        area if isinstance(area, str) else None,
        added_us,
    )


def read_retention(entry: Entry) -> tuple[str, Retained]:
    """The segment that a `retention` entry is about, and what it says of it; raises Malformed."""
    told = decode(entry.body[:-1])
    seal, tombstone = statement.sha256_hex(told, "seal"), statement.sha256_hex(told, "tombstone")
    return statement.text(told, "segment"), Retained(entry.no, seal, tombstone)


def _read_code(meta: JsonObject) -> OpenCode:
    return OpenCode(
        statement.text(meta, "handle"),
        b64_exact(meta.get("salt")),
        b64_exact(meta.get("digest")),
        statement.text(meta, "subscriber"),
        statement.integer(meta, "expires_us"),
    )
