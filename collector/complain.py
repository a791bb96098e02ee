"""Taking in a complaint that a device signed. The same complaint twice is one complaint."""

import asyncio

from collector.ledger.frame import Draft, EntryKind
from collector.registry import Noted
from collector.services import Services
from shared.complaint import Complaint, read_complaint
from shared.dsse import read_envelope
from shared.errors import BadFormat, BadSignature, Malformed
from shared.keys import WrongSignature
from shared.strictjson import JsonObject


class Complaints:
    """The entrance for complaints; one at a time, so that a repeat is seen."""

    def __init__(self, services: Services) -> None:
        """Take in complaints for these services, from one event loop."""
        self._services = services
        self._lock = asyncio.Lock()

    async def take(self, line: bytes) -> tuple[Noted, bool]:
        """Keep a complaint; raises a Refused naming the step. The second value: whether it is new."""
        registry = self._services.registry
        complaint = self._read(line)
        async with self._lock:
            known = registry.complaints.get(complaint.pae_sha256)
            if known is not None:
                return known, False
            meta: JsonObject = {"dev": complaint.dev, "subscriber": registry.devices[complaint.dev].subscriber}
            draft = Draft(EntryKind.COMPLAINT, meta, line + b"\n")
            entry = await asyncio.to_thread(self._services.ledger.keep, draft)
            registry.apply(entry)
            return Noted(entry.no, entry.at_us), True

    def _read(self, line: bytes) -> Complaint:
        try:
            envelope = read_envelope(line)
        except Malformed as error:
            raise BadFormat(2, str(error)) from error
        key = self._services.registry.key_of(envelope.key_id)
        try:
            return read_complaint(envelope, key)
        except WrongSignature as error:
            raise BadSignature(4, str(error)) from error
        except Malformed as error:
            raise BadFormat(5, str(error)) from error
