"""Asks for a path over one UDP socket, and reads the ICMP errors from its error queue. Interprets nothing.

Linux and Android, without privileges: the kernel keeps the errors of a socket with IP_RECVERR (or IPV6_RECVERR)
for it, each with its sender, and with what it quotes of the payload. The socket is connected and its ports stay,
so all probes are one flow; the time to live is set for each. An error wakes the socket's reader. The constants
are Linux's (in.h, in6.h, errqueue.h); Python has no names for most of them. A kernel's stamp of the arrival is
used as in `probe.net.udp`: it is wall time, so only its age is taken from it.
"""

import asyncio
import errno
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address

from probe.clock import Clock
from probe.measure.hops import Address
from probe.measure.icmp import Reply
from probe.measure.path import PathTrace
from probe.net.bind import bind
from probe.net.failures import trouble_of
from shared.failure import Stage

SYSTEMS = ("linux", "android")
SO_TIMESTAMPNS = 35
TIMESPEC = struct.Struct("@ll")
AGE_LIMIT_US = 1_000_000  # older than this is a clock that was set, not an error that waited
IP_MTU_DISCOVER, IP_PMTUDISC_DO = 10, 2  # do not fragment: all probes look alike
EXTENDED_ERR = struct.Struct("=IBBBBII")  # errno, origin, type, code, pad, info, data
ORIGINS = (2, 3)  # SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6
QUOTE_LIMIT_BYTES = CONTROL_LIMIT_BYTES = 512
QUEUE_FULL = (errno.EAGAIN, errno.ENOBUFS)
BURST = 64  # what one wake-up reads at most; if more waits, the reader is woken again


@dataclass(frozen=True, slots=True)
class _Family:
    """The names of one thing in one IP version."""

    family: socket.AddressFamily
    level: int
    recverr: int
    time_to_live: int
    offender: slice  # of the sender's address, in the control message


IPV4 = _Family(socket.AF_INET, 0, 11, 2, slice(20, 24))
IPV6 = _Family(socket.AF_INET6, 41, 25, 16, slice(24, 40))


def open_socket(target: Address, interface: str | None = None) -> socket.socket:
    """Open a socket with an error queue; raises OSError or NotImplementedError where the system has none."""
    if not sys.platform.startswith(SYSTEMS):
        raise NotImplementedError(sys.platform)
    names = _names_for(target)
    sock = socket.socket(names.family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)  # noqa: FBT003  (the standard library's own)
        bind(sock, interface)
        sock.setsockopt(names.level, names.recverr, 1)
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        if names is IPV4:
            sock.setsockopt(names.level, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
    except BaseException:
        sock.close()
        raise
    return sock


async def ask(trace: PathTrace, sock: socket.socket, clock: Clock) -> None:
    """Send a started trace's probes and take what comes back, until the trace is final."""
    loop = asyncio.get_running_loop()
    names = _names_for(trace.target)
    arrived = asyncio.Event()

    def take() -> None:
        for reply, age_us in _waiting(sock, names, clock):
            trace.receive(reply, clock.mono_us() - age_us)
        arrived.set()

    loop.add_reader(sock, take)
    try:
        while (wake_us := trace.next_wakeup(now_us := clock.mono_us())) is not None:
            probe = trace.to_send(now_us)
            if probe is not None:
                _send(trace, sock, names, probe.ttl, probe.packet, clock)
                continue
            arrived.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(max(wake_us - now_us, 0) / 1_000_000):
                    await arrived.wait()
    finally:
        loop.remove_reader(sock)


def _names_for(target: Address) -> _Family:
    return IPV4 if isinstance(target, IPv4Address) else IPV6


def _send(trace: PathTrace, sock: socket.socket, names: _Family, ttl: int, packet: bytes, clock: Clock) -> None:
    sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # an earlier probe's error must not stop this one
    try:
        sock.setsockopt(names.level, names.time_to_live, ttl)
        sock.send(packet)
    except OSError as exc:
        if exc.errno in QUEUE_FULL:  # lost, as on any other queue
            return
        trace.refuse(trouble_of(exc, Stage.CONNECT), clock.mono_us())


def _waiting(sock: socket.socket, names: _Family, clock: Clock) -> Iterator[tuple[Reply, int]]:
    """Read the errors that wait, with the time each has waited; what else waits is dropped.

    Both the pending error and a datagram of the target's would wake the reader again and again.
    """
    for _ in range(BURST):
        try:
            quote, control, _flags, _to = sock.recvmsg(QUOTE_LIMIT_BYTES, CONTROL_LIMIT_BYTES, socket.MSG_ERRQUEUE)
        except OSError:
            break
        if (reply := reply_of(quote, control, names)) is not None:
            yield reply, age_us(control, clock.wall_us())
    with suppress(OSError):
        sock.recv(QUOTE_LIMIT_BYTES)
    sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def reply_of(quote: bytes, control: list[tuple[int, int, bytes]], names: _Family) -> Reply | None:
    """Read one error's control messages; None if it is not from the network."""
    for level, kind, told in control:
        if (level, kind) == (names.level, names.recverr) and len(told) >= names.offender.stop:
            _errno, origin, icmp_type, icmp_code, _pad, _info, _data = EXTENDED_ERR.unpack_from(told)
            if origin in ORIGINS:
                return Reply(quote, ip_address(told[names.offender]), icmp_type, icmp_code)
    return None


def age_us(control: list[tuple[int, int, bytes]], wall_us: int) -> int:
    """Say how long an error has been waiting since the kernel had it; 0 if it does not say, or cannot be."""
    for level, kind, stamp in control:
        if (level, kind, len(stamp)) == (socket.SOL_SOCKET, SO_TIMESTAMPNS, TIMESPEC.size):
            seconds, nanoseconds = TIMESPEC.unpack(stamp)
            waited_us = wall_us - (seconds * 1_000_000 + nanoseconds // 1000)
            return waited_us if 0 <= waited_us <= AGE_LIMIT_US else 0
    return 0
