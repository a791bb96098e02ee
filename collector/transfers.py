"""Taking in what peers sign of transfers: each statement once, as a leaf of the log of its own, whatever its device delivers.

Who brings one proves nothing and need not: a statement counts by its peer's signature. Lines are answered one by one, since
they have nothing to do with each other; what was kept before is a repeat. Whether it was, the index knows: nobody keeps in
memory as many as there are. So each request waits until the index has what was kept before it.

    form, signature of a trusted peer, a transfer/v1 statement     bad_format, unknown_key, bad_signature, bad_statement
    about a device that is enrolled here                           not_found
    SHA-256(PAE) is known                                          repeat
    on disk, in the log                                            kept
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from collector import quickjson
from collector.errors import IndexLags, NotFound
from collector.ledger.frame import Draft, EntryKind
from collector.log.signed import Signed
from collector.services import Services
from collector.store.grading import session_no
from shared.dsse import Envelope, read_envelope
from shared.errors import (
    BadFormat,
    BadSignature,
    BadStatement,
    Malformed,
    Refused,
    SpeedproofError,
    TooLarge,
    UnknownKey,
)
from shared.grade import session_of
from shared.keys import PublicKey, WrongSignature
from shared.transfer import HINT_DIGITS, MAX_STATEMENTS, TransferStatement, read_transfer

PATIENCE_S: Final = 10.0
Kept = bool  # whether a statement is new
Outcome = Kept | SpeedproofError


@dataclass(frozen=True, slots=True)
class Counted:
    """A statement whose peer is trusted and whose signature fits, about a device that is known here."""

    line: bytes
    envelope: Envelope
    told: TransferStatement
    peer: PublicKey

    @property
    def session_no(self) -> int:
        """The number of its session."""
        return session_no(session_of(self.told.dev, self.peer.key_id, self.told.sid))

    @property
    def draft(self) -> Draft:
        """Its entry."""
        signed = Signed.by(self.envelope, self.peer.spki)
        return Draft(EntryKind.TRANSFER, {"dev": self.told.dev}, self.line + b"\n", signed=signed)


class Transfers:
    """The entrance for peers' statements; one request at a time, so that a repeat is seen."""

    def __init__(self, services: Services) -> None:
        """Take in statements for these services, from one event loop."""
        self._services = services
        self._lock = asyncio.Lock()

    async def take(self, body: bytes) -> list[Outcome]:
        """What came of each line, in order, once all that was new is on disk.

        Raises BadFormat or TooLarge for what is no such body, IndexLags if nobody can tell yet what is a repeat, and what the
        ledger raises: then it is sent again, and what was kept is a repeat.
        """
        lines = _lines(body)
        checked = await asyncio.to_thread(lambda: [self._checked(line) for line in lines])
        async with self._lock:
            found = [one for one in checked if isinstance(one, Counted)]
            kept = await asyncio.to_thread(self._known, found) if found else set()
            new: dict[str, Counted] = {}
            outcomes: list[Outcome] = []
            for one in checked:
                if not isinstance(one, Counted):
                    outcomes.append(one)
                    continue
                identity = one.envelope.pae_sha256
                is_new = identity not in kept and identity not in new
                if is_new:
                    new[identity] = one
                outcomes.append(is_new)
            appended = [asyncio.wrap_future(self._services.ledger.append(one.draft)) for one in new.values()]
            for result in await asyncio.gather(*appended, return_exceptions=True):
                if isinstance(result, BaseException):
                    raise result
        return outcomes

    def _known(self, some: Sequence[Counted]) -> set[str]:
        """The identities of those of the statements that are kept."""
        services = self._services
        if not services.indexer.comes_to(services.ledger.newest_no(), PATIENCE_S):
            raise IndexLags("the index has not all that was kept, so that nobody can tell what was kept before")
        return services.store.known_transfers([one.session_no for one in some])

    def _checked(self, line: bytes) -> Counted | SpeedproofError:
        try:
            return self._counted(line)
        except (Refused, NotFound) as error:
            return error

    def _counted(self, line: bytes) -> Counted:
        services = self._services
        try:
            envelope = read_envelope(line, quickjson.decode)
        except Malformed as error:
            raise BadFormat(2, str(error)) from error
        peer = services.peers.get(envelope.key_id[:HINT_DIGITS])
        if peer is None or peer.key_id != envelope.key_id:
            raise UnknownKey(3, f"no peer with key {envelope.key_id[:16]}… is trusted here")
        try:
            told = read_transfer(envelope, peer)
        except WrongSignature as error:
            raise BadSignature(4, str(error)) from error
        except Malformed as error:
            raise BadStatement(5, str(error)) from error
        if services.found(lambda: services.registry.devices.get(told.dev)) is None:
            raise NotFound(f"no device with key {told.dev[:16]}… is enrolled here")
        return Counted(line, envelope, told, peer)


def _lines(body: bytes) -> list[bytes]:
    """The lines of a body; raises BadFormat or TooLarge."""
    if not body.endswith(b"\n"):
        raise BadFormat(2, "a body of statements is lines that each end in a line feed")
    lines = body[:-1].split(b"\n")
    if len(lines) > MAX_STATEMENTS:
        raise TooLarge(1, f"{len(lines)} statements, at most {MAX_STATEMENTS} are taken at once")
    return lines
