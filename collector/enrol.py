"""Binding a device's key to a line: the portal's part (shared/FORMAT.md, section 7).

A code is used once, lives for minutes (or for the days that a device is on its way to a customer) and bears five wrong
tries. The same key asking again with the code it was enrolled with gets the same answer, since the first one may have been
lost on the way.
"""

import secrets
import threading
from collections import Counter

from collector.errors import CodeRefused, Conflict, NotFound
from collector.ledger.frame import Draft, EntryKind
from collector.log.signed import Signed
from collector.registry import CODE_TRIES, Device, OpenCode, code_digest
from collector.services import Services
from shared import enrolment, strictjson
from shared.dsse import b64
from shared.enrolment import SALT_BYTES, EnrolRequest, make_enrolment, read_code, subscriber_hash
from shared.errors import Malformed

HANDLE_LENGTH = 4


class Portal:
    """Gives codes out and takes them back."""

    def __init__(self, services: Services) -> None:
        """Enrol for these services."""
        self._services = services
        self._wrong: Counter[str] = Counter()
        self._lock = threading.Lock()

    def give_code(self, subscriber: str, minutes: int | None = None) -> tuple[str, int]:
        """A new code for a subscriber and when it expires (unix µs); an older one of his stays good for its own time.

        `minutes` is how long it lives; None: as configured.
        """
        services = self._services
        if services.found(lambda: services.registry.subscribers.get(subscriber)) is None:
            raise NotFound(f"there is no subscriber {subscriber!r}")
        code, salt = "", secrets.token_bytes(16)
        expires_us = services.clock.wall_us() + (minutes or services.config.code_minutes) * 60_000_000

        def make() -> Draft:
            nonlocal code
            while (code := enrolment.make_code(secrets.token_bytes(7)))[:HANDLE_LENGTH] in services.registry.codes:
                continue
            meta: strictjson.JsonObject = {
                "digest": b64(code_digest(code, salt)),
                "expires_us": expires_us,
                "handle": code[:HANDLE_LENGTH],
                "salt": b64(salt),
                "subscriber": subscriber,
            }
            return Draft(EntryKind.CODE, meta, b"{}\n")

        services.keep(make)
        self._wrong.pop(code[:HANDLE_LENGTH], None)
        return code, expires_us

    def enrol(self, typed: str, request_line: bytes) -> Device:
        """Enrol the key of a request; raises CodeRefused, Conflict or Malformed."""
        code, request = read_code(typed), enrolment.read_request(request_line)
        with self._lock:
            return self._enrol(code, request)

    def _enrol(self, code: str, request: EnrolRequest) -> Device:
        registry, dev = self._services.registry, request.key.key_id

        def make() -> Draft | None:
            known = registry.devices.get(dev)
            if known is not None:
                _again(known, code, request)
                return None
            opened = self._open_code(code)
            try:
                request.with_code(code)
            except Malformed as error:
                raise CodeRefused(str(error)) from error
            return self._drawn_up(opened, request)

        self._services.found(lambda: registry.devices.get(dev) or registry.codes.get(code[:HANDLE_LENGTH]))
        with self._services.changing:  # a key must not be enrolled while it takes another's place
            self._services.keep(make)
        return registry.devices[dev]

    def _open_code(self, code: str) -> OpenCode:
        handle = code[:HANDLE_LENGTH]
        opened = self._services.registry.codes.get(handle)
        if opened is None:
            raise CodeRefused("this code is not known, or was used already; ask for a new one")
        if self._wrong[handle] >= CODE_TRIES:
            raise CodeRefused("this code was tried too often; ask for a new one")
        if not opened.is_for(code):
            self._wrong[handle] += 1
            raise CodeRefused("this code is not known, or was used already; ask for a new one")
        if self._services.clock.wall_us() > opened.expires_us:
            raise CodeRefused("this code has expired; ask for a new one")
        return opened

    def _drawn_up(self, opened: OpenCode, request: EnrolRequest) -> Draft:
        services = self._services
        salt = secrets.token_bytes(SALT_BYTES)
        line = make_enrolment(
            request,
            subscriber_hash(salt, opened.subscriber),
            services.clock.wall_us(),
            request.key_class,
            services.portal_key,
        )
        meta: strictjson.JsonObject = {
            "guard_s": services.config.slots.guard_s,
            "handle": opened.handle,
            "salt": b64(salt),
            "slot_s": services.config.slots.slot_s,
            "subscriber": opened.subscriber,
        }
        signed = Signed.of(line, services.portal_key.public.spki)
        return Draft(EntryKind.ENROLMENT, meta, line + b"\n", signed=signed)


def _again(known: Device, code: str, request: EnrolRequest) -> None:
    """The same key once more: the same answer if it knows its own code, a conflict otherwise."""
    try:
        request.with_code(code)
    except Malformed as error:
        raise CodeRefused(str(error)) from error
    if known.handle != code[:HANDLE_LENGTH]:
        raise Conflict("this key is enrolled already; enrol anew with a new key")
