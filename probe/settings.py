"""What whoever runs this device may set: what to look at, when, by which link, at what cost. `settings.toml` beside its state.

TOML 1.0; all of it may be absent, and the file too. What is there must be right: an unknown key is refused, because
a misspelt name is a missing name. Opens no file but that one; whether a name exists or an address answers is found
out by the methods.
"""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, TypeVar, cast, get_args
from urllib.parse import urlsplit

from probe.errors import StateUnusable
from shared.errors import Malformed

T = TypeVar("T")

Rule = Literal["allow", "light", "deny"]
Notice = Literal["slow", "recovered", "stuck", "log"]

DNS_PORT = 53
MOST_PORT = 65_535
MOST_NAMES = 6  # with the peer's and the collector's eight: at worst eight times a lookup's patience
MOST_URLS = 16
URL_CHARACTERS = 1024
MOST_QUIET = 8
HOURS, MINUTES = 24, 60
INTERFACE_CHARACTERS = 15  # Linux: IFNAMSIZ with its zero
NAME_CHARACTERS = 253  # RFC 1035, 2.3.4: 255 octets with the first length and the root


@dataclass(frozen=True, slots=True)
class ResolverAddress:
    """A resolver to ask directly: an address of its own, and a port."""

    host: str
    port: int = DNS_PORT

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings; each default is what a device does that nobody has set anything on."""

    names: tuple[str, ...] = ()  # `dns`: looked up besides the peer's and the collector's
    local_names: tuple[str, ...] = ()  # `dns`: names (and all below them) that may have a private address
    resolver: ResolverAddress | None = None  # `dns`: asked directly, besides the system's way of looking up
    urls: tuple[str, ...] = ()  # `fetch`: ordinary HTTPS objects, besides the peer's
    ca: Path | None = None  # the authority (PEM) to believe for the peer's TLS
    quiet: tuple[tuple[int, int], ...] = ()  # hours in which nothing loads the line: minutes of the device's own day
    month_mb: int = 1000  # MB = 10^6 bytes, all that measuring and sending may cost in a month
    reserve_per_cent: int = 20  # of these, kept for events and campaigns
    month_starts_on: int = 1  # the day of the month on which the line's allowance begins anew
    interface: str | None = None  # every test is bound to this interface
    metered: Rule = "allow"  # a mobile line usually is metered: the byte budget is the limit
    roaming: Rule = "deny"
    least_charge_per_cent: int = 20  # below it, unplugged, nothing loads the line
    hilink: str | None = None  # the host of a HiLink stick, asked for its radio
    location: bool = False  # whether where the device is may be read and recorded, to about 1 km
    notify: frozenset[Notice] = frozenset({"slow", "log"})
    outbox_mb: int = 50


def read_settings(file: Path) -> Settings:
    """Read the settings; a file that is not there says nothing. Raises Malformed or StateUnusable."""
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise StateUnusable(f"{file} cannot be read: {error.strerror}") from error
    try:
        return parse_settings(text.decode("utf-8"), file)
    except UnicodeDecodeError as error:
        raise Malformed(f"{file} is not UTF-8 text") from error


def parse_settings(text: str, file: Path) -> Settings:
    """Parse what stands in a file; opens nothing. Raises Malformed with the file, the key and what it may hold."""
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Malformed(f"{file} is not TOML: {error}") from error
    page, usual = _Page(file, told), Settings()
    names = f"a list of at most {MOST_NAMES} host names"
    settings = Settings(
        names=page.each("dns", "names", host_name, MOST_NAMES, names),
        local_names=page.each("dns", "local", host_name, MOST_NAMES, names),
        resolver=page.one(
            "dns", "resolver", resolver_address, 'an address such as "192.0.2.1" or "[2001:db8::1]:5353"'
        ),
        urls=page.each(
            "fetch", "urls", https_url, MOST_URLS, f"a list of at most {MOST_URLS} https URLs, without a user"
        ),
        ca=page.one("transfer", "ca", lambda text: file.parent / text, "the path of a PEM file, as text"),
        quiet=page.each(
            "schedule", "quiet", quiet_hours, MOST_QUIET, f'a list of at most {MOST_QUIET} like "23:00-06:30"'
        ),
        month_mb=page.number("budget", "month_mb", usual.month_mb, 1, 1_000_000),
        reserve_per_cent=page.number("budget", "reserve_per_cent", usual.reserve_per_cent, 0, 90),
        month_starts_on=page.number("budget", "month_starts_on", usual.month_starts_on, 1, 28),
        interface=page.one("link", "interface", interface_name, "the name of an interface, such as wwan0"),
        metered=cast("Rule", page.one("link", "metered", one_of(Rule), words_of(Rule)) or usual.metered),
        roaming=cast("Rule", page.one("link", "roaming", one_of(Rule), words_of(Rule)) or usual.roaming),
        least_charge_per_cent=page.number("power", "least_per_cent", usual.least_charge_per_cent, 0, 100),
        hilink=page.one("radio", "hilink", plain_address, 'the address of the stick, such as "192.168.8.1"'),
        location=page.choice("radio", "location", usual.location),
        notify=page.notices(usual.notify),
        outbox_mb=page.number("disk", "outbox_mb", usual.outbox_mb, 5, 10_000),
    )
    page.nothing_else()
    return settings


@dataclass(slots=True)
class _Page:
    """The parsed file, from which each key is taken once; what is left is unknown."""

    file: Path
    told: dict[str, object]
    known: list[str] = field(default_factory=list)

    def each(self, section: str, key: str, read: Callable[[str], T], most: int, allowed: str) -> tuple[T, ...]:
        value = self._take(section, key, allowed)
        if value is None:
            return ()
        if not isinstance(value, list) or len(value) > most:
            raise self._wrong(section, key, allowed)
        return tuple(self._read(section, key, item, read, allowed) for item in value)

    def one(self, section: str, key: str, read: Callable[[str], T], allowed: str) -> T | None:
        value = self._take(section, key, allowed)
        return None if value is None else self._read(section, key, value, read, allowed)

    def number(self, section: str, key: str, usual: int, least: int, most: int) -> int:
        allowed = f"a whole number from {least} to {most}"
        value = self._take(section, key, allowed)
        if value is None:
            return usual
        if type(value) is not int or not least <= value <= most:  # true is an int to Python, not to people
            raise self._wrong(section, key, allowed)
        return value

    def choice(self, section: str, key: str, usual: bool) -> bool:  # noqa: FBT001 - what a file says
        value = self._take(section, key, "true or false")
        if value is not None and not isinstance(value, bool):
            raise self._wrong(section, key, "true or false")
        return usual if value is None else value

    def notices(self, usual: frozenset[Notice]) -> frozenset[Notice]:
        said = self.told.get("notify", {})
        if not isinstance(said, dict):
            raise self._wrong("notify", "slow", "true or false")
        kinds: tuple[Notice, ...] = get_args(Notice)
        return frozenset(kind for kind in kinds if self.choice("notify", kind, kind in usual))

    def nothing_else(self) -> None:
        left = [f"[{name}] {key}" for name, table in self.told.items() if isinstance(table, dict) for key in table]
        left += [name for name, table in self.told.items() if not isinstance(table, dict)]
        left += [f"[{name}]" for name in self.told if not any(key.startswith(f"[{name}] ") for key in self.known)]
        if left:
            raise Malformed(f"{self.file}: nobody knows {left[0]}; known are {', '.join(self.known)}")

    def _take(self, section: str, key: str, allowed: str) -> object:
        self.known.append(f"[{section}] {key}")
        table = self.told.get(section, {})
        if not isinstance(table, dict):
            raise self._wrong(section, key, allowed)
        taken: object = table.pop(key, None)
        return taken

    def _read(self, section: str, key: str, value: object, read: Callable[[str], T], allowed: str) -> T:
        try:
            if isinstance(value, str) and value and value.isprintable():
                return read(value)
        except ValueError as error:
            raise self._wrong(section, key, allowed) from error
        raise self._wrong(section, key, allowed)

    def _wrong(self, section: str, key: str, allowed: str) -> Malformed:
        return Malformed(f"{self.file}: [{section}] {key} must be {allowed}")


def quiet_hours(text: str) -> tuple[int, int]:
    """Read `23:00-06:30` as minutes of the day; the end may be past midnight. Raises ValueError."""
    ends = []
    for clock in text.split("-"):
        hour, colon, minute = clock.strip().partition(":")
        if not (colon and hour.isdigit() and minute.isdigit() and int(hour) < HOURS and int(minute) < MINUTES):
            raise ValueError(text)
        ends.append(int(hour) * MINUTES + int(minute))
    begin, end = ends
    if begin == end:
        raise ValueError(text)
    return begin, end


def interface_name(text: str) -> str:
    """Take an interface's name as Linux has them; raises ValueError."""
    if len(text) > INTERFACE_CHARACTERS or "/" in text or " " in text or not text.isascii():
        raise ValueError(text)
    return text


def plain_address(text: str) -> str:
    """Take an address; raises ValueError."""
    return str(ip_address(text))


def words_of(kind: object) -> str:
    """Say which words a setting may have."""
    return " or ".join(f'"{word}"' for word in get_args(kind))


def one_of(kind: object) -> Callable[[str], str]:
    """Take one of the words of a Literal; raises ValueError."""
    known = get_args(kind)

    def read(text: str) -> str:
        if text not in known:
            raise ValueError(text)
        return text

    return read


def host_name(text: str) -> str:
    """Spell a host name in ASCII, without the last dot; raises ValueError for an address and for what is no name."""
    name = text.removesuffix(".").encode("idna").decode("ascii").lower()
    if not name or len(name) > NAME_CHARACTERS or not set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_."):
        raise ValueError(text)
    if is_address(name):
        raise ValueError(text)
    return name


def is_address(text: str) -> bool:
    """Tell an address from a name."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def resolver_address(text: str) -> ResolverAddress:
    """Read `1.2.3.4`, `1.2.3.4:5353`, `::1` or `[::1]:5353`; raises ValueError."""
    if text.startswith("["):
        host, closed, port = text[1:].partition("]")
        if not closed or (port and not port.startswith(":")):
            raise ValueError(text)
        port = port.removeprefix(":") if port else str(DNS_PORT)
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    else:
        host, port = text, str(DNS_PORT)
    ip_address(host)
    if not (port.isascii() and port.isdigit() and 0 < int(port) <= MOST_PORT):
        raise ValueError(text)
    return ResolverAddress(host, int(port))


def https_url(text: str) -> str:
    """Take an absolute https URL of ASCII; raises ValueError. What a record shows to others must hold no password."""
    url = urlsplit(text)
    if url.scheme != "https" or not url.hostname or "@" in url.netloc or url.fragment or " " in text:
        raise ValueError(text)
    if not text.isascii() or len(text) > URL_CHARACTERS or url.port == 0:
        raise ValueError(text)
    return text
