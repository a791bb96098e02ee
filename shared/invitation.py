"""An invitation: one link that holds all a device needs to enrol (FORMAT.md, section 7). Pure.

    https://proof.example.net/enrol#7K3M9-QX2TA.<key id of the collector>

What stands after `#` (RFC 3986, section 3.5) is never sent to a server, so no log on the way holds the code. The key id
is optional; with it the device knows whom to believe before it asks. Whether the code is still good only the
collector can say.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from shared.enrolment import read_code, show_code
from shared.errors import Malformed

_TAIL = "/enrol"
_KEY_ID = re.compile(r"[0-9a-f]{64}")
_AROUND = "<>\"'()[].,;“”‘’"  # what mail programs and people put around a link
_ADDRESS = "the collector's address looks like https://host:port, not {!r}"


@dataclass(frozen=True, slots=True)
class Invitation:
    """Where to enrol, with which one-time code, and which collector's key to expect (None: not told)."""

    url: str  # the collector's address, without a slash at its end
    code: str  # in its one spelling
    collector_key: str | None = None

    @property
    def link(self) -> str:
        """The invitation as one link."""
        key = f".{self.collector_key}" if self.collector_key else ""
        return f"{self.url}{_TAIL}#{show_code(self.code)}{key}"


def read_address(typed: str) -> str:
    """A collector's address without a slash at its end; raises Malformed with an example."""
    text = typed.strip()
    try:
        parts = urlsplit(text)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bracket or a port that is none
        named = False
    if not named or parts.scheme not in ("http", "https") or set(text) & set("?#@\\ ") or not text.isprintable():
        raise Malformed(_ADDRESS.format(typed[:200]))
    return text.rstrip("/")


def read_key_id(typed: str) -> str:
    """A key's id as somebody typed it; raises Malformed."""
    key_id = typed.strip().lower()
    if not _KEY_ID.fullmatch(key_id):
        raise Malformed("a key's id has 64 digits from 0 to 9 and a to f")
    return key_id


def is_link(typed: str) -> bool:
    """Whether somebody typed a link and not only an address; says nothing about its being right."""
    return "#" in typed


def read_invitation(typed: str) -> Invitation:
    """Read a link as somebody pasted it, broken lines and brackets around it forgiven; raises Malformed."""
    address, mark, told = "".join(typed.split()).strip(_AROUND).partition("#")
    url = read_address(address)
    if not mark or not url.endswith(_TAIL):
        raise Malformed("an invitation looks like https://host:port/enrol#7K3M9-QX2TA")
    code, _, key = told.partition(".")
    return Invitation(read_address(url.removesuffix(_TAIL)), read_code(code), read_key_id(key) if key else None)
