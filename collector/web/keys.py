"""What became of a device's keys, in words."""

from collections.abc import Iterator, Mapping
from typing import Any

from collector.web.localtime import LineClock
from collector.web.quantities import counted


def lines_of(device: Mapping[str, Any], clock: LineClock) -> Iterator[str]:
    """That its key has changed, that it was revoked, and what is contested; nothing for a device with one key in use."""
    name, keys, revoked = device["dev"][:8], device["keys"], device["revoked"]
    if len(keys) > 1:
        yield f"device {name}: {len(keys)} keys one after the other, now {keys[-1]['id'][:8]}"
    if revoked is not None:
        yield f"device {name}: REVOKED {clock.moment(revoked['at_us'])}: {revoked['reason']}"
        if revoked["since_us"] is not None:
            number = counted(revoked["contested"], "measurement")
            yield f"  contested since {clock.moment(revoked['since_us'])}: {number}, shown and left out"
