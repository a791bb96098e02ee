"""What the host can tell of itself, through psutil where there is one. Reads; judges nothing.

Each reading is made by itself and may be refused by itself: a phone refuses most of them. What is refused is
absent. Whoever must not wait for a resolver that is stuck calls from a thread of its own (`probe.platform.aside`).
"""

import fnmatch
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from probe.facts import HostFacts
from probe.net.bind import bind
from probe.surroundings import InterfaceKind

try:
    import psutil
except (ImportError, NotImplementedError):  # the index's psutil refuses to be imported on Android
    psutil = None  # type: ignore[assignment]

T = TypeVar("T")

KINDS: tuple[tuple[InterfaceKind, tuple[str, ...]], ...] = (
    ("loopback", ("lo", "lo0")),
    ("cellular", ("rmnet*", "v4-rmnet*", "clat*", "ccmni*", "pdp*", "wwan*", "wwp*")),
    ("wifi", ("wlan*", "swlan*", "wlp*", "wlx*")),
    ("vpn", ("tun*", "ppp*", "wg*")),
)
REFUSALS: tuple[type[Exception], ...] = (
    PermissionError,
    NotImplementedError,
    FileNotFoundError,
    AttributeError,
    *((psutil.Error,) if psutil is not None else ()),
)
IDLE_FIELDS = ("idle", "iowait")
YIELDING_FIELDS = (*IDLE_FIELDS, "nice")  # low-priority work gives way to ours on its core
SOMEWHERE = ("192.0.2.1", 9)  # RFC 5737: nobody is there, and nothing is sent
SOMEWHERE_IPV6 = ("2001:db8::1", 9)  # RFC 3849
COUNTED_TWICE_FIELDS = ("guest", "guest_nice")  # Linux counts a guest's time as its host's too


def kind_of(interface: str | None) -> InterfaceKind:
    """Say what kind of link an interface is, by its name."""
    for kind, patterns in KINDS:
        if interface is not None and any(fnmatch.fnmatchcase(interface, pattern) for pattern in patterns):
            return kind
    return "other"


def _told(read: Callable[[], T]) -> T | None:
    """Give a reading, or None where the system refuses it."""
    try:
        return read()
    except REFUSALS:
        return None


def _busy_us(times: Mapping[str, float], idle: tuple[str, ...]) -> tuple[int, int]:
    """Busy and all time of a processor, of which some fields are no work that is in our way."""
    counted = {name: int(1_000_000 * s) for name, s in times.items() if name not in COUNTED_TWICE_FIELDS}
    total_us = sum(counted.values())
    return total_us - sum(counted.get(name, 0) for name in idle), total_us


def _cores_us() -> tuple[tuple[int, int], ...]:
    return tuple(_busy_us(times._asdict(), YIELDING_FIELDS) for times in psutil.cpu_times(percpu=True))


def _own_cpu_us() -> int:
    times = psutil.Process().cpu_times()
    return int(1_000_000 * (times.user + times.system))


def snapshot(interface: str | None) -> HostFacts:
    """Read the host's counters now, with those of one interface."""
    facts = HostFacts(interface, kind_of(interface))
    if psutil is None:
        return facts
    counters = _told(lambda: psutil.net_io_counters(pernic=True).get(interface or ""))
    cpu_us = _told(lambda: _busy_us(psutil.cpu_times()._asdict(), IDLE_FIELDS))
    load = _told(lambda: int(1000 * psutil.getloadavg()[0]))
    memory = _told(psutil.virtual_memory)
    return replace(
        facts,
        rx_bytes=None if counters is None else counters.bytes_recv,
        tx_bytes=None if counters is None else counters.bytes_sent,
        cpu_busy_us=None if cpu_us is None else cpu_us[0],
        cpu_total_us=None if cpu_us is None else cpu_us[1],
        load_per_mille=load,
        memory_available_bytes=None if memory is None else int(memory.available),
        memory_total_bytes=None if memory is None else int(memory.total),
        cores=_told(_cores_us) or (),
        own_cpu_us=_told(_own_cpu_us),
    )


def source_to(host: str, port: int, pinned: str | None = None) -> str | None:
    """The address by which packets to a host leave now, None if there is no way; sends nothing, may look up a name.

    A name that cannot be looked up says nothing about the link: then it is the address by which anything would leave.
    """
    try:
        family, _kind, _protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    except (OSError, UnicodeError):
        return source_to_anywhere(pinned)
    return _source(family, address, pinned)


def source_to_anywhere(pinned: str | None = None) -> str | None:
    """The address by which anything would leave now, None if there is no way; looks up nothing."""
    return _source(socket.AF_INET, SOMEWHERE, pinned) or _source(socket.AF_INET6, SOMEWHERE_IPV6, pinned)


def interface_of(source: str | None) -> str | None:
    """The interface an address belongs to, None where the system does not tell."""
    if source is None or psutil is None:
        return None
    for name, addresses in (_told(psutil.net_if_addrs) or {}).items():
        if any(address.address.partition("%")[0] == source for address in addresses):
            return str(name)
    return None


def interface_to(host: str, port: int) -> str | None:
    """The interface by which packets to a host leave now, None if there is none or it is not told."""
    return interface_of(source_to(host, port))


def facts_on_the_way_to(host: str, port: int, pinned: str | None = None) -> HostFacts:
    """The host now, with the interface by which packets to there leave: the pinned one, else that of their address."""
    return _facts_by(source_to(host, port, pinned), pinned)


def facts_on_any_way(pinned: str | None = None) -> HostFacts:
    """The host now, with the interface by which packets to strangers leave; looks up nothing."""
    return _facts_by(source_to_anywhere(pinned), pinned)


def _facts_by(source: str | None, pinned: str | None) -> HostFacts:
    ip_version = None if source is None else 6 if ":" in source else 4
    facts = snapshot(pinned or interface_of(source))
    return replace(facts, has_way=source is not None, ip_version=ip_version)


def _source(family: int, address: tuple[str | int, ...] | tuple[int, bytes], pinned: str | None) -> str | None:
    """The address packets to there would leave from; None if there is no way. Connecting UDP sends nothing."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            bind(sock, pinned)
            sock.connect(address)
            return str(sock.getsockname()[0])
    except OSError:
        return None
