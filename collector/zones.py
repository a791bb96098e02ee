"""Time zones by their IANA name: looked up in one place, since the library has five ways to say no."""

import zoneinfo

from collector.errors import BadRequest


def zone_named(name: str) -> zoneinfo.ZoneInfo:
    """The zone of this name; raises BadRequest."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: a folder's name, or a long one
        raise BadRequest(f"a time zone is an IANA name such as Europe/Prague, not {name[:80]!r}") from error
