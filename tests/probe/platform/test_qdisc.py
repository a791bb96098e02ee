"""What queues on an interface of this device, as the kernel tells it; and nothing where it does not."""

import json
import os
import socket
import struct
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.flaws import SHAPERS
from probe.platform.qdisc import AT_ROOT, DONE, NEW_QDISC, is_last, read, root_kind


def message(index: int, kind: str, parent: int = AT_ROOT, before: bytes = b"") -> bytes:
    """One answer of the kernel's: a queueing discipline of an interface."""
    name = kind.encode() + b"\0"
    attribute = struct.pack("=HH", 4 + len(name), 1) + name + bytes(-len(name) % 4)
    body = struct.pack("=BxxxiIII", 0, index, 0x80010000, parent, 2) + before + attribute
    return struct.pack("=IHHII", 16 + len(body), NEW_QDISC, 2, 1, 0) + body


END = struct.pack("=IHHIIi", 20, DONE, 2, 1, 0, 0)


def test_the_root_of_the_interface_is_told() -> None:
    """Of several interfaces, and of disciplines below the root, the one at the root of this one."""
    answer = (
        message(1, "noqueue")
        + message(2, "fq_codel", 0x80010001)
        + message(2, "tbf", before=struct.pack("=HHI", 8, 12, 7))
    )
    assert root_kind(answer, 2) == "tbf"
    assert root_kind(answer, 1) == "noqueue"
    assert root_kind(answer, 3) is None
    assert not is_last(answer)
    assert is_last(END)
    assert root_kind(END, 2) is None


@given(st.binary(max_size=200), st.integers(0, 40), st.binary(max_size=8))
def test_whatever_comes_is_no_crash(answer: bytes, place: int, spoilt: bytes) -> None:
    """Bytes that the kernel never sends, or sends cut, tell nothing or a text."""
    whole = message(2, "htb")
    for data in (answer, whole[:place] + spoilt + whole[place + len(spoilt) :], whole[:place]):
        assert root_kind(data, 2) is None or isinstance(root_kind(data, 2), str)
        assert is_last(data) in {True, False}


def test_no_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is not there, none at all, and a system without rtnetlink: nothing is told."""
    assert read(None) is None
    assert read("no such thing") is None
    monkeypatch.delattr(socket, "AF_NETLINK", raising=False)
    assert read("lo") is None


ASIDE = """
import asyncio, ctypes, json, os, subprocess, sys
assert ctypes.CDLL(None, use_errno=True).unshare(0x40000000) == 0, "no network namespace"
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
from probe.platform.look import look_around
from probe.settings import Settings
told = []
for words in ([], ["tbf", "rate", "8mbit", "burst", "32k", "latency", "50ms"], ["htb"], ["pfifo"]):
    if words:
        subprocess.run(["tc", "qdisc", "replace", "dev", "lo", "root", *words], check=True)
    told.append(asyncio.run(look_around("lo", True, Settings(), android=False)).link.qdisc)
json.dump(told, sys.stdout)
"""


@pytest.mark.root
@pytest.mark.threat("T10")
@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="needs root and network namespaces")
def test_shaping_ones_own_interface_is_seen() -> None:
    """A customer who runs tc on the machine that measures is seen doing so by the next look around, whichever shaper he takes."""
    done = subprocess.run([sys.executable, "-c", ASIDE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    plain, *shaped, queue = json.loads(done.stdout)
    assert plain not in SHAPERS
    assert shaped == ["tbf", "htb"]
    assert set(shaped) <= SHAPERS
    assert queue == "pfifo"
