"""Taking in a complaint that a device signed. The same complaint twice is one complaint."""

import asyncio

from collector.ledger.frame import Draft, EntryKind
from collector.log.signed import Signed
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
        services = self._services
        complaint = await asyncio.to_thread(self._read, line)
        signed = Signed.of(line, services.registry.key_of(complaint.dev).spki)
        meta: JsonObject = {"dev": complaint.dev, "subscriber": services.registry.devices[complaint.dev].subscriber}

        def make() -> Draft | None:
            is_known = complaint.pae_sha256 in services.registry.complaints
            return None if is_known else Draft(EntryKind.COMPLAINT, meta, line + b"\n", signed=signed)

        async with self._lock:
            entry = await asyncio.to_thread(services.keep, make)
            return services.registry.complaints[complaint.pae_sha256], entry is not None

    def _read(self, line: bytes) -> Complaint:
        try:
            envelope = read_envelope(line)
        except Malformed as error:
            raise BadFormat(2, str(error)) from error
        registry = self._services.registry
        self._services.found(lambda: registry.devices.get(envelope.key_id))
        key = registry.key_of(envelope.key_id)
        try:
            return read_complaint(envelope, key)
        except WrongSignature as error:
            raise BadSignature(4, str(error)) from error
        except Malformed as error:
            raise BadFormat(5, str(error)) from error
