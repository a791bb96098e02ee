"""`doctor`: what stands between this device and good evidence, one line each, with what to do about it."""

import contextlib
import platform
import secrets
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from probe.clock import Clock
from probe.errors import ProbeError
from probe.home import Enrolled, Home
from probe.outbox import Outbox
from probe.platform.host import interface_to, kind_of, snapshot
from shared.errors import SpeedproofError
from shared.keys import FileKey

_FREE_BYTES = 100 * 1024 * 1024
_BUILT_US = 1_790_000_000_000_000  # September 2026: an earlier wall clock was never set
_CONNECT_S = 5.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: good or not, what was found, and what to do if it is not good."""

    name: str
    good: bool
    found: str
    advice: str = ""


def look(home: Home, clock: Clock) -> Iterator[Check]:
    """Look at everything; nothing is changed, and only the collector and the peer are contacted."""
    yield Check("python", good=True, found=f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    free = shutil.disk_usage(home.folder).free
    yield Check("disk", free > _FREE_BYTES, f"{free // 1_000_000} MB free in {home.folder}", "free some space")
    now_us = clock.wall_us()
    yield Check(
        "clock", now_us > _BUILT_US, f"unix time {now_us // 1_000_000}", "set the clock; measurements go on anyway"
    )
    yield _signer()
    try:
        home.key()
        enrolled = home.enrolled()
    except ProbeError as error:
        yield Check("enrolment", good=False, found=str(error), advice="ask support for a code")
        return
    yield Check("enrolment", good=True, found=f"line of {enrolled.subscriber} at {enrolled.collector_url}")
    yield _settings(home)
    yield from _network(enrolled)
    yield from _outbox(home)


def _signer() -> Check:
    key, message = FileKey.generate(), b"speedproof doctor"
    signature = key.sign(message)
    key.public.verify(signature, message)
    same = signature == key.sign(message)
    return Check("signer", good=True, found=f"ECDSA P-256 works{', deterministic' if same else ''}")


def _settings(home: Home) -> Check:
    try:
        settings = home.settings()
    except SpeedproofError as error:
        return Check("settings", good=False, found=str(error), advice="put settings.toml right, or take it away")
    set_here = [name for name in ("names", "resolver", "urls", "ca") if getattr(settings, name)]
    return Check("settings", good=True, found=", ".join(set_here) or "none: the usual ones")


def _network(enrolled: Enrolled) -> Iterator[Check]:
    parts = urlsplit(enrolled.collector_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    yield _reach("collector", parts.hostname or "", port)
    peer = urlsplit(enrolled.peer.http_url)
    yield _reach("peer", enrolled.peer.udp_host, peer.port or (443 if peer.scheme == "https" else 80))
    interface = interface_to(enrolled.peer.udp_host, enrolled.peer.udp_port)
    kind = kind_of(interface)
    advice = "switch Wi-Fi off: only the mobile line itself counts" if kind == "wifi" else "connect to a network"
    yield Check("link", interface is not None and kind != "wifi", f"{interface or 'none'} ({kind})", advice)
    counted = snapshot(interface).rx_bytes is not None
    yield Check(
        "counters", counted, "interface bytes can be read" if counted else "interface bytes cannot be read",
        "nothing to do: traffic of other programs cannot be told apart on this device",
    )  # fmt: skip


def _reach(name: str, host: str, port: int) -> Check:
    try:
        with socket.create_connection((host, port), _CONNECT_S):
            return Check(name, good=True, found=f"{host} port {port} answers")
    except OSError as error:
        return Check(
            name, good=False, found=f"{host} port {port}: {error}", advice="check the network, then the address"
        )


def _outbox(home: Home) -> Iterator[Check]:
    try:
        with contextlib.closing(Outbox(home.outbox_file, lambda: secrets.token_bytes(32))) as outbox:
            tally = outbox.tally()
    except ProbeError as error:
        yield Check("outbox", good=False, found=str(error), advice="ask support: what was measured here may be lost")
        return
    waiting = f"{tally.batches} batches sealed, {tally.unsent} not sent yet ({tally.unsent_bytes // 1000} kB)"
    yield Check("outbox", tally.unsent < 1000, waiting, "the collector has not been reached for long")  # noqa: PLR2004
    receipt = tally.last_receipt_us
    yield Check(
        "receipt",
        receipt is not None or tally.batches == 0,
        "none yet" if receipt is None else f"last at unix {receipt // 1_000_000}",
        "see the collector's line above",
    )
