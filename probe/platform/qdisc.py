"""What queues on an interface of this device, as the Linux kernel tells anybody who asks (rtnetlink, RTM_GETQDISC).

A customer who shapes his own line on the very machine that measures it does so with a queueing discipline; which one stands
at the root of the interface is told here, and nothing else: not its rate. One that stands on his router is out of sight.
Messages are those of `linux/rtnetlink.h` and `linux/pkt_sched.h`; a system that refuses, or is none of Linux's, tells nothing.
"""

import socket
import struct
from collections.abc import Iterator
from typing import Final

GET_QDISC: Final = 38  # RTM_GETQDISC
NEW_QDISC: Final = 36
DONE: Final = 3  # NLMSG_DONE; NLMSG_ERROR is 2
ASK_ALL: Final = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
AT_ROOT: Final = 0xFFFFFFFF  # TC_H_ROOT
KIND: Final = 1  # TCA_KIND
MOST_BYTES: Final = 65_536
MOST_ANSWERS: Final = 64
PATIENCE_S: Final = 1.0
_HEAD, _QDISC, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=BxxxiIII"), struct.Struct("=HH")


def read(interface: str | None) -> str | None:
    """The queueing discipline at the root of an interface (`fq_codel`, `tbf`, …); None if it is not told. Blocks briefly."""
    if interface is None or not hasattr(socket, "AF_NETLINK"):
        return None
    try:
        index = socket.if_nametoindex(interface)
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
            kernel.settimeout(PATIENCE_S)
            kernel.send(_HEAD.pack(_HEAD.size + _QDISC.size, GET_QDISC, ASK_ALL, 1, 0) + _QDISC.pack(0, 0, 0, 0, 0))
            for _ in range(MOST_ANSWERS):
                answer = kernel.recv(MOST_BYTES)
                if (kind := root_kind(answer, index)) is not None:
                    return kind
                if is_last(answer):
                    return None
    except (OSError, ValueError):
        return None
    return None


def root_kind(answer: bytes, index: int) -> str | None:
    """The kind at the root of the interface with this index, if this answer of the kernel's holds it."""
    for message_type, body in _messages(answer):
        if message_type != NEW_QDISC or len(body) < _QDISC.size:
            continue
        _, its_index, _, parent, _ = _QDISC.unpack_from(body)
        if (its_index, parent) == (index, AT_ROOT):
            for kind, value in _attributes(body[_QDISC.size :]):
                if kind == KIND:
                    return value.rstrip(b"\0").decode("ascii", "replace")
    return None


def is_last(answer: bytes) -> bool:
    """Whether the kernel says that this was all, or that it refuses; or says nothing that can be read."""
    return all(message_type != NEW_QDISC for message_type, _ in _messages(answer))


def _messages(answer: bytes) -> Iterator[tuple[int, bytes]]:
    while len(answer) >= _HEAD.size:
        length, message_type, *_ = _HEAD.unpack_from(answer)
        if not _HEAD.size <= length <= len(answer):
            return
        yield message_type, answer[_HEAD.size : length]
        answer = answer[_aligned(length) :]


def _attributes(told: bytes) -> Iterator[tuple[int, bytes]]:
    while len(told) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(told)
        if not _ATTRIBUTE.size <= length <= len(told):
            return
        yield kind, told[_ATTRIBUTE.size : length]
        told = told[_aligned(length) :]


def _aligned(length: int) -> int:
    return (length + 3) & ~3
