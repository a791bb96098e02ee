"""A device's keys over time: another key takes one's place, as its device asks; a key is revoked, as its owner asks.

Whoever holds a key can have another take its place, a thief too. What he does stands in the log, and counts until the
revocation: from the moment the owner names on (`--stolen-since`) it is contested. A revocation always names the key in force.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from collector.errors import BadRequest, Conflict, NotFound
from collector.ledger.changed import Revoked
from collector.ledger.frame import Draft, EntryKind
from collector.log.signed import Signed
from collector.registry import Device
from collector.samples import is_contested
from collector.services import Services
from collector.view import DeviceRow, KeyView, RecordRow, RevokedView
from shared.dsse import read_envelope
from shared.errors import BadFormat, BadSignature, Malformed, UnknownKey
from shared.keys import WrongSignature
from shared.revocation import make_revocation
from shared.rotation import Rotation, Whose, read_rotation
from shared.strictjson import JsonObject

LEAST_NAMED = 8  # hexadecimal digits of a device's key that somebody has to type


def rotate(services: Services, line: bytes) -> tuple[Device, bool]:
    """Have another key take one's place, as a rotate/v1 envelope line asks; the second value: whether that is new.

    The same once more gets the same answer. Raises UnknownKey, RevokedKey, FrozenKey, BadFormat, BadSignature or Conflict.
    """
    rotation = _read(services, line)
    registry, old, new = services.registry, rotation.old.key_id, rotation.new.key_id
    meta: JsonObject = {"dev": old, "new": new}

    def make() -> Draft | None:
        if registry.devices[old].successor == new:
            return None
        registry.key_of(old)
        if new in registry.devices:
            raise Conflict("this key is known already; make another")
        return Draft(EntryKind.ROTATION, meta, line + b"\n", signed=Signed.by(rotation.envelope, rotation.old.spki))

    with services.changing:
        entry = services.keep(make)
    return registry.devices[new], entry is not None


def _read(services: Services, line: bytes) -> Rotation:
    try:
        old = read_envelope(line).key_id
        device = services.found(lambda: services.registry.devices.get(old))
        if device is None:
            raise UnknownKey(3, f"no device with key {old[:16]}… is enrolled here")
        return read_rotation(line, Whose.DEVICE, device.key)
    except WrongSignature as error:
        raise BadSignature(4, str(error)) from error
    except Malformed as error:
        raise BadFormat(5, str(error)) from error


def revoke(services: Services, named: str, reason: str, since_us: int | None = None) -> tuple[Device, bool]:
    """Revoke a device, named by any of its keys' ids or the beginning of one; the second value: whether that is new.

    Said again it is new only if the key may have been stolen earlier than was told. Raises NotFound or BadRequest.
    """
    name = _device_named(services, named)
    device = services.registry.devices[name]

    def make() -> Draft | None:
        nonlocal device
        device = services.registry.keys_of(name)[-1]
        if device.revoked is not None and not _is_earlier(since_us, device.revoked):
            return None
        dev, portal = device.key.key_id, services.portal_key
        try:
            line = make_revocation(dev, reason, services.clock.wall_us(), portal, since_us)
        except Malformed as error:
            raise BadRequest(str(error)) from error
        return Draft(EntryKind.REVOCATION, {"dev": dev}, line + b"\n", signed=Signed.of(line, portal.public.spki))

    with services.changing:
        entry = services.keep(make)
    return services.registry.devices[device.key.key_id], entry is not None


def _is_earlier(since_us: int | None, before: Revoked) -> bool:
    return since_us is not None and (before.since_us is None or since_us < before.since_us)


def _device_named(services: Services, named: str) -> str:
    """The name of the one device one of whose keys begins so."""
    named = named.strip().lower().rstrip("…")
    if len(named) < LEAST_NAMED:
        raise BadRequest(f"a device is named by at least {LEAST_NAMED} digits of its key's id, as the pages show them")
    devices = services.registry.devices
    services.found(lambda: next((one for dev, one in devices.items() if dev.startswith(named)), None))
    found = {device.name for dev, device in devices.items() if dev.startswith(named)}
    if not found:
        raise NotFound(f"there is no device whose key begins with {named!r}")
    if len(found) > 1:
        raise BadRequest(f"{len(found)} devices have keys that begin with {named!r}; write more of it")
    return found.pop()


def device_shown(services: Services, row: DeviceRow, timeline: Sequence[RecordRow]) -> DeviceRow:
    """A device with its keys, in their order, and what was said of them; `timeline`: its line's measurements."""
    keys = services.registry.keys_of(row.dev)
    if not keys:
        return row
    shown = tuple(KeyView(one.key.key_id, one.key_class, one.since_us or one.enrolled_us) for one in keys)
    revoked = keys[-1].revoked
    if revoked is None:
        return replace(row, keys=shown)
    contested = {} if revoked.since_us is None else {row.dev: revoked.since_us}
    number = sum(is_contested(one, contested) for one in timeline)
    return replace(row, keys=shown, revoked=RevokedView(revoked.at_us, revoked.reason, revoked.since_us, number))


def contested_since(services: Services, names: Mapping[str, object]) -> dict[str, int]:
    """Since when (unix µs) what came of these devices is contested, of those of which anything is."""
    revoked = ((name, keys[-1].revoked) for name in names if (keys := services.registry.keys_of(name)))
    return {name: one.since_us for name, one in revoked if one is not None and one.since_us is not None}
