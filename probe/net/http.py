"""What an http(s) URL says (RFC 3986, RFC 9110 section 4.2): whom to connect to, and what to ask for there. Opens nothing.

Strict, since `urllib` alone is not: it drops control characters without a word and takes any text for a path. A user and a
fragment are for nobody's eyes but ours and are left out. A host beyond ASCII is written as the DNS knows it.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from probe.measure.outcome import CouldNotRun
from probe.net.address import PeerAddress

USUAL_PORTS = {"http": 80, "https": 443}
_PRINTABLE = re.compile(r"[!-~]*")


@dataclass(frozen=True, slots=True)
class Url:
    """An absolute http(s) URL."""

    scheme: str
    host: str  # a name in ASCII, or an address without brackets
    port: int
    path: str = ""
    query: str = ""

    @property
    def bracketed(self) -> str:
        """The host as it stands in URLs and headers; a zone means something on this device only."""
        return f"[{self.host.partition('%')[0]}]" if ":" in self.host else self.host

    @property
    def authority(self) -> str:
        """The Host header's value."""
        return self.bracketed if self.port == USUAL_PORTS[self.scheme] else f"{self.bracketed}:{self.port}"

    @property
    def target(self) -> str:
        """What a request line asks for."""
        return f"{self.path or '/'}?{self.query}" if self.query else self.path or "/"

    def below(self, path: str, query: str = "") -> "Url":
        """The URL of something below this one."""
        return Url(self.scheme, self.host, self.port, f"{self.path.rstrip('/')}/{path.removeprefix('/')}", query)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def read_url(text: str) -> Url:
    """Read an absolute http(s) URL; raises ValueError."""
    if any(letter <= " " or letter == "\x7f" for letter in text):
        raise ValueError("a URL holds neither spaces nor control characters")
    parts = urlsplit(text)
    if parts.scheme not in USUAL_PORTS or not parts.hostname or parts.port == 0:
        raise ValueError("not an absolute http(s) URL")
    if not (_PRINTABLE.fullmatch(parts.path) and _PRINTABLE.fullmatch(parts.query)):
        raise ValueError("the path of a URL is ASCII")
    host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode("ascii")
    return Url(parts.scheme, host, parts.port or USUAL_PORTS[parts.scheme], parts.path, parts.query)


def url_of(peer: PeerAddress, path: str, query: str = "") -> Url:
    """Join the peer's root and a path; raises CouldNotRun if the peer's address is no URL."""
    try:
        return read_url(peer.http_url).below(path, query)
    except ValueError as exc:
        reason = f"the address of peer {peer.name} is not an http(s) URL"
        raise CouldNotRun(reason) from exc


def host_of(url: str | None) -> str | None:
    """Give a URL's host, if it has one."""
    try:
        return read_url(url or "").host
    except ValueError:
        return None
