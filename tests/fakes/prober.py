"""A probe that is enrolled and asks for tickets, for the tests of the peer's admission."""

import hashlib
from dataclasses import dataclass, field

from strategies import DEVICE, PORTAL

from collector.peer.admission import Admitted, admitted
from shared import strictjson
from shared.enrolment import make_enrolment, make_request, read_request
from shared.keys import FileKey
from shared.ticket import TicketRequest
from shared.transfer import Direction

CODE = "7K3M9QX2TA"
SEED = bytes(range(32))
SEED_SHA256 = hashlib.sha256(SEED).hexdigest()
TRUSTED = {PORTAL.public.key_id: PORTAL.public}


@dataclass(frozen=True, slots=True)
class Prober:
    """A device's key with its enrolment."""

    key: FileKey = field(default_factory=lambda: DEVICE)
    portal: FileKey = field(default_factory=lambda: PORTAL)

    @property
    def enrolment(self) -> bytes:
        """The portal's word that this key measures a line."""
        return make_enrolment(read_request(make_request(CODE, bytes(16), self.key)), "0" * 64, 1, "file", self.portal)

    def request(self, direction: Direction = Direction.DOWN, *, flows: int = 1, seq: int = 0, t_us: int = 0) -> bytes:
        """A signed request."""
        intent = hashlib.sha256(b"intent %d" % seq).hexdigest()
        seed = SEED_SHA256 if direction is Direction.UP else None
        return TicketRequest(self.key.public.key_id, intent, direction, flows, seq, t_us, seed).seal(self.key)

    def body(self, request: bytes) -> bytes:
        """The body of `POST /v1/tickets`."""
        return strictjson.encode(
            {"enrolment": strictjson.decode(self.enrolment), "request": strictjson.decode(request)}
        )

    def admitted(
        self, direction: Direction = Direction.DOWN, *, flows: int = 1, seq: int = 0, t_us: int = 0
    ) -> Admitted:
        """A request that was checked."""
        return admitted(self.body(self.request(direction, flows=flows, seq=seq, t_us=t_us)), TRUSTED)
