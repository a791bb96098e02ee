"""ICMP echo by a datagram socket, and by a process with raw sockets; what that process says is looked at."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.latency import LatencyPlan
from probe.measure.train import Pace
from probe.net import icmp

ROOT = Path(__file__).resolve().parents[3]
PACE = Pace(mean_us=10_000, floor_us=5_000, cap_us=30_000, wake_us=300_000, patience_us=300_000)
PLAN = LatencyPlan("test", packets=4, pace=PACE)
HERE = (socket.AF_INET, ("127.0.0.1", 8441))
CHANCE = bytes(range(34))
BY_DATAGRAMS = """
import asyncio, json, socket, sys
from probe.clock import SystemClock
from probe.measure.echo import Echo
from probe.measure.train import Pace
from probe.net import icmp
async def main(host):
    family, _, _, _, address = socket.getaddrinfo(host, 8441, type=socket.SOCK_DGRAM)[0]
    core = Echo("latency", Pace(10_000, 5_000, 30_000, 300_000, 300_000), bytes(range(34)), 4, family == socket.AF_INET6)
    core.start(SystemClock().mono_us())
    await icmp.run_train(core, (family, address), SystemClock())
    return core.result().members()
print(json.dumps([asyncio.run(main(host)) for host in sys.argv[1:]]))
"""


@pytest.mark.root
def test_echo_by_a_datagram_socket() -> None:
    """Where the system allows it, loopback answers every message, over IPv4 and IPv6, without privileges."""
    needed = ("unshare", "ip", "sysctl", "setpriv")
    missing = [name for name in needed if shutil.which(name) is None]
    if os.geteuid() != 0 or missing:
        pytest.skip(f"needs root for a namespace of its own, and {', '.join(needed)}")
    shell = (
        "ip link set lo up && sysctl -qw net.ipv4.ping_group_range='0 2147483647' && "
        'exec setpriv --bounding-set=-all --inh-caps=-all "$@"'
    )
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", shell, "sh", sys.executable, "-c", BY_DATAGRAMS, "127.0.0.1", "::1"],
        capture_output=True, text=True, check=False, timeout=30, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for members in json.loads(done.stdout):
        assert (members["via"], members["sent"], members["stamps"]) == ("icmp", 4, "kernel")
        assert members["first_rtt_us"] >= 0
        assert all(0 <= rtt_us < PACE.patience_us for rtt_us in members["rtt_us"])


@pytest.mark.root
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_echo_by_another_process(host: str) -> None:
    """With scapy and raw sockets a process of its own measures, and scapy is not imported here."""
    if not icmp.lab_is_possible():
        pytest.skip("needs scapy, and root or CAP_NET_RAW")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    was_imported = "scapy" in sys.modules  # by another test of this process
    seen = await icmp.run_apart(PLAN, (family, (host, 8441)), CHANCE)
    assert seen is not None
    assert (seen.via, len(seen.rtts_us), seen.trouble) == ("icmp", 4, None)
    assert ("scapy" in sys.modules) == was_imported


async def test_a_process_that_cannot_measure_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without scapy the process ends by itself, and there is no result."""
    monkeypatch.setattr(sys, "executable", shutil.which("false") or "false")
    assert await icmp.run_apart(PLAN, HERE, CHANCE) is None


def stand_in(folder: Path, text: str) -> str:
    """Write a program that takes the interpreter's place."""
    file = folder / "python"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return str(file)


def running_from(folder: Path) -> Sequence[str]:
    """List the processes that were started from a folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes()
        except OSError:
            continue
        if str(folder).encode() in words:
            found.append(words.decode())
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in")
@pytest.mark.parametrize(
    "text", ["while :; do sleep 0.05; done", "while :; do echo -n xxxxxxxxxxxxxxxx; done", "echo '{}'"]
)
async def test_a_process_that_hangs_babbles_or_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """It is dead at its deadline, and there is no result."""
    monkeypatch.setattr(sys, "executable", stand_in(tmp_path, text))
    monkeypatch.setattr(icmp, "LAB_START_US", 200_000)
    async with asyncio.timeout(5):
        assert await icmp.run_apart(PLAN, HERE, CHANCE) is None
    assert not running_from(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_cancelling_kills_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A measurement that is cancelled leaves no process."""
    monkeypatch.setattr(sys, "executable", stand_in(tmp_path, "while :; do sleep 0.05; done"))
    task = asyncio.create_task(icmp.run_apart(PLAN, HERE, CHANCE))
    await asyncio.sleep(0.2)
    assert running_from(tmp_path)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not running_from(tmp_path)


def test_what_the_process_says_is_believed_if_it_can_be() -> None:
    """The round trips of one train by the plan, in range and in number; its stamps only as a truth value."""
    seen = icmp.seen_by_lab(b'{"kernel_stamps":true,"rtts_us":[1,-1,2,3]}\n', PLAN)
    assert seen is not None
    assert (seen.rtts_us, seen.trouble, seen.kernel_stamps) == ((1, -1, 2, 3), None, True)
    silent = icmp.seen_by_lab(b'{"kernel_stamps":1,"rtts_us":[-1,-1,-1,-1]}\n', PLAN)
    assert silent is not None
    assert silent.trouble is not None
    assert not silent.kernel_stamps


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"[]", b"{}", b"\xff", b"[" * 5000, b'{"rtts_us":5}', b'{"rtts_us":[1,2,3]}', b'{"rtts_us":[1,2,3,4,5]}',
        b'{"rtts_us":[1,2,3,true]}', b'{"rtts_us":[1,2,3,4.0]}', b'{"rtts_us":[1,2,3,-2]}', b'{"rtts_us":[1,2,3,300000]}',
    ],
)  # fmt: skip
def test_what_it_says_is_not_believed_otherwise(answer: bytes) -> None:
    """Anything else is no result."""
    assert icmp.seen_by_lab(answer, PLAN) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_a_result_or_none(answer: bytes) -> None:
    """Nothing the process says can raise."""
    icmp.seen_by_lab(answer, PLAN)


@pytest.mark.parametrize(
    ("status", "platform", "possible"),
    [
        ("CapEff:\t0000000000002000\n", "linux", True),
        ("CapEff:\t0000000000001000\n", "linux", False),
        ("Name:\tx\n", "linux", False),
        ("CapEff:\t0000000000002000\n", "android", False),
    ],
)
def test_raw_sockets_need_the_capability(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str, platform: str, possible: bool
) -> None:
    """CAP_NET_RAW is looked up before a process is started, and Android is never asked."""
    file = tmp_path / "status"
    file.write_text(status)
    monkeypatch.setattr(icmp, "STATUS", file)
    monkeypatch.setattr(icmp, "find_spec", lambda _name: object())
    monkeypatch.setattr(sys, "platform", platform)
    assert icmp.lab_is_possible() is possible


def test_without_scapy_or_without_a_status_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scapy has to be there; where there is no list of capabilities, root will do."""
    monkeypatch.setattr(icmp, "STATUS", tmp_path / "none")
    monkeypatch.setattr(icmp, "find_spec", lambda _name: object())
    for user, possible in ((0, True), (1000, False)):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        assert icmp.lab_is_possible() is possible
    monkeypatch.setattr(icmp, "find_spec", lambda _name: None)
    assert not icmp.lab_is_possible()


def test_a_host_has_no_port() -> None:
    """The port of an address is 0 for ICMP, and the rest of it stays."""
    assert icmp.without_port(HERE) == (socket.AF_INET, ("127.0.0.1", 0))
    assert icmp.without_port((socket.AF_INET6, ("fe80::1", 9, 0, 3))) == (socket.AF_INET6, ("fe80::1", 0, 0, 3))
