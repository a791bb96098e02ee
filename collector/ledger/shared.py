"""What collectors that share a catalog say to it, so that a device's chain is one line over all of their ledgers.

The catalog has three things: where every chain stands (`Stood`), how far each ledger (a stream) is confirmed, and every entry
that is no batch, of every ledger, in one order (`Control`). Whoever writes a ledger takes a *turn*: what his group rests on is
locked, so nobody else changes it; he decides, writes, fsyncs, and then confirms, which is one transaction. Only what is
confirmed is in the ledger: what is written and was not confirmed is taken back, as a torn end is (`ledger.shared_book`).

An entry that is no batch rests on what was known when it was made: of its *room*, the kinds that have a say in it. If another
of its room has come since (`Draft.seen`), it is not written, and whoever made it looks again.
"""

import contextlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from collector.ledger.chains import Standing
from collector.ledger.changed import CHANGES, keys_in, rotated_in
from collector.ledger.enrolled import enrolled_dev
from collector.ledger.frame import OF_THE_INDEX, Entry, EntryKind, Sheet
from shared import statement
from shared.errors import Malformed
from shared.strictjson import decode

ROOMS: Final = (
    frozenset({EntryKind.SUBSCRIBER, EntryKind.IMPORT}),
    frozenset({EntryKind.CODE, EntryKind.ENROLMENT, EntryKind.ROTATION, EntryKind.REVOCATION}),
    frozenset({EntryKind.COMPLAINT}),
    frozenset({EntryKind.REFUSED}),
    frozenset({EntryKind.RETENTION}),
    frozenset({EntryKind.SERVER_KEY}),
    frozenset({EntryKind.NEXT_LOG}),
)


@dataclass(frozen=True, slots=True)
class Stood:
    """Where a device stands for all collectors: its standing, the key its receipts are signed with, its newest batch's receipt.

    `standing.newest_at` is a place in the ledger of `stream`.
    """

    standing: Standing
    signer: str
    stream: int = 0
    receipt: bytes = b""


@dataclass(frozen=True, slots=True)
class Control:
    """An entry that is no batch, of whichever ledger. Of a body that nobody needs to know it, only the SHA-256 is here."""

    id: int
    stream: int
    entry: Entry
    body_sha256: str


@dataclass(frozen=True, slots=True)
class Change:
    """What a turn comes to: chains that went on or began, entries that are no batches, the newest entry of the ledger.

    `first` is the SHA-256 of the ledger's first entry, by which a ledger is known.
    """

    heads: Mapping[str, Stood]
    others: Sequence[Entry]
    no: int
    first: str


class Turn(Protocol):
    """What was looked at and cannot change until the turn is over."""

    @property
    def no(self) -> int:
        """The newest entry of this stream that is confirmed."""

    @property
    def stood(self) -> Mapping[str, Stood]:
        """Those of the devices asked for that are enrolled."""

    def newest(self, kind: EntryKind) -> int:
        """The newest entry, of all collectors, in the room of this kind, 0 if there is none; the turn is one for control."""

    def confirm(self, change: Change) -> None:
        """Make it so, for all collectors. Raises CatalogAway: then it is not known whether it is so."""


class SharedChains(Protocol):
    """The catalog, for the one who writes one ledger. Everything here may raise CatalogAway."""

    @property
    def stream(self) -> int:
        """The number of the ledger."""

    @property
    def signer(self) -> str:
        """The key its receipts are signed with."""

    def begin(self, first: str) -> int:
        """Take the stream for the ledger whose first entry's SHA-256 this is (none yet: empty); what is confirmed of it.

        Raises AlreadyRunning if another process has it, BadRequest if it is another ledger's.
        """

    def turn(self, devs: Collection[str], *, control: bool) -> AbstractContextManager[Turn]:
        """Lock these devices, and for `control` the order of what is no batch; left without `confirm`, nothing has changed."""

    def stood(self, dev: str) -> Stood | None:
        """Where a device stands just now, None if it is not enrolled."""

    def fill(self, heads: Iterable[tuple[str, Stood]], others: Iterable[Entry], no: int, first: str) -> int:
        """Tell a catalog that has forgotten (or never knew) what a ledger holds up to `no`; it only ever adds.

        How many chains have another batch there under the number of the newest one here: nothing is decided about those.
        """

    def close(self) -> None:
        """Let go of the stream."""


def room_of(kind: EntryKind) -> frozenset[EntryKind]:
    """The kinds that have a say in an entry of this kind."""
    return next(room for room in ROOMS if kind in room)


def name_of(entry: Entry) -> str:
    """Of a line its id, of an enrolment or a rotation its new key's, else nothing: by what others look for it."""
    match entry.kind:
        case EntryKind.SUBSCRIBER:
            return statement.text(decode(entry.body[:-1]), "id")
        case EntryKind.ENROLMENT:
            return enrolled_dev(entry.body)
        case EntryKind.ROTATION:
            return rotated_in(entry.body)[1].key_id
        case _:
            return ""


def known_name(entry: Entry) -> str:
    """The same; of what is malformed nothing."""
    try:
        return name_of(entry)
    except Malformed:
        return ""


def devs_of(entry: Entry) -> tuple[str, ...]:
    """The devices whose standing an entry that is no batch changes; raises Malformed."""
    if entry.kind is EntryKind.REFUSED:
        return (statement.sha256_hex(entry.meta, "dev"),) if entry.meta.get("freeze") else ()
    if entry.kind in CHANGES:
        return keys_in(entry)
    return (name_of(entry),) if entry.kind is EntryKind.ENROLMENT else ()


def locks_of(sheets: Sequence[Sheet]) -> tuple[set[str], bool]:
    """The devices a group is about, and whether something in it is for the catalog to know."""
    devs, control = set[str](), False
    for sheet in sheets:
        if sheet.link is not None:
            devs.add(sheet.link.dev)
        if sheet.kind not in OF_THE_INDEX:
            control = True
            with contextlib.suppress(Malformed, KeyError):  # it will be no entry
                devs.update(devs_of(Entry(0, sheet.kind, 0, sheet.meta, sheet.body)))
    return devs, control
