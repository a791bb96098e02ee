"""The process beside the probe: what it says is a stranger's word, and it never stays."""

import asyncio
import importlib.util
import os
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest

from probe.clock import SystemClock
from probe.measure.icmp import Reply
from probe.measure.outcome import CouldNotRun, Measured
from probe.measure.path import PathPlan, PathTrace, packets_of
from probe.net import errqueue, lab, lab_path, path
from probe.net.address import PeerAddress
from probe.net.drive import drive
from probe.net.scene import Scene
from shared.strictjson import JsonObject

PLAN = PathPlan("test", 4, 2, 2, 1_000, 10_000, patience_us=300_000, limit_us=3_000_000)
TARGET = ip_address("203.0.113.9")
HAS_SCAPY = importlib.util.find_spec("scapy") is not None
ANSWERS = """
import json, sys
say = lambda told: print(json.dumps(told, sort_keys=True, separators=(",", ":")), flush=True)
say({"ready": 1})
for line in sys.stdin:
    asked = json.loads(line)
    kind, code, offender = (11, 0, "10.0.0.1") if asked["ttl"] == 1 else (3, 3, "203.0.113.9")
    say({"code": code, "offender": offender, "quote": asked["packet"], "rtt_us": 7000 * asked["ttl"], "type": kind})
"""


async def asked(script: str) -> PathTrace:
    """Run a trace with a program in place of the lab process."""
    clock = SystemClock()
    trace = PathTrace(PLAN, packets_of(PLAN, os.urandom(PLAN.chance_bytes)), TARGET)
    async with lab.started(trace, ("-c", script)) as process:
        trace.start(clock.mono_us())
        await drive(trace, lab.ask(trace, process, clock), clock, None)
    assert process.returncode is not None
    return trace


async def test_a_process_that_answers() -> None:
    """What the process measured is taken as it says, hop by hop, and the process is gone afterwards."""
    trace = await asked(ANSWERS)
    assert [hop.addresses for hop in trace.hops] == [(ip_address("10.0.0.1"),), (TARGET,)]
    assert [hop.rtt_us for hop in trace.hops] == [(7_000, 7_000), (14_000, 14_000)]


async def test_a_process_that_hears_nothing() -> None:
    """Silence is a loss, as on any other way."""
    trace = await asked(
        "import sys\nprint('{\"ready\":1}', flush=True)\nfor _ in sys.stdin: print('{\"silent\":1}', flush=True)"
    )
    assert trace.hops == ()
    assert trace.hops_tried == PLAN.silent_limit


@pytest.mark.parametrize(
    "script",
    [
        "",
        "print('{}')",
        "print('nonsense')",
        'print(\'{"refused":"no scapy"}\')',
        "print('x' * 100000)",
        "print('{\"ready\":1}', flush=True)",
        "print('{\"ready\":1}', flush=True); import time; input(); print('{}', flush=True); time.sleep(9)",
        "print('{\"ready\":1}', flush=True); import time; input(); print('[', flush=True); time.sleep(9)",
    ],
)
async def test_a_process_that_misbehaves(script: str) -> None:
    """A process that ends, refuses or says anything else ends the measurement as one that could not run."""
    with pytest.raises(CouldNotRun):
        await asked(script)


async def test_a_process_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that says nothing is not waited for longer than it may take."""
    monkeypatch.setattr(lab, "READY_S", 0.2)
    with pytest.raises(CouldNotRun):
        await asked("import time; time.sleep(60)")


async def test_a_process_that_hangs_in_the_middle_costs_no_more_than_the_limit() -> None:
    """The trace's own time ends a run whose process has gone silent."""
    trace = await asked("print('{\"ready\":1}', flush=True); import time; time.sleep(60)")
    assert trace.over
    assert trace.hops == ()


async def test_cancelling_kills_the_process() -> None:
    """A search that is cancelled leaves no task and no process."""
    tasks = asyncio.all_tasks()
    up: asyncio.Queue[asyncio.subprocess.Process] = asyncio.Queue()
    trace = PathTrace(PLAN, packets_of(PLAN, os.urandom(PLAN.chance_bytes)), TARGET)

    async def stay() -> None:
        async with lab.started(trace, ("-c", ANSWERS)) as process:
            up.put_nowait(process)
            await asyncio.sleep(60)

    task = asyncio.create_task(stay())
    process = await up.get()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert process.returncode is not None
    assert asyncio.all_tasks() == tasks


GOOD: JsonObject = {"code": 0, "offender": "10.0.0.1", "quote": "0a0b", "rtt_us": 5, "type": 11}


def test_a_reply_is_read() -> None:
    """A whole answer is an answer."""
    assert lab.read_reply(GOOD) == (Reply(b"\n\x0b", ip_address("10.0.0.1"), 11, 0), 5)


@pytest.mark.parametrize(
    "bad",
    [
        {"code": 256}, {"type": -1}, {"rtt_us": -1}, {"rtt_us": "5"}, {"quote": "0"}, {"quote": 5},
        {"offender": "somebody"}, {"offender": 10}, {"code": []},
    ],
)  # fmt: skip
def test_a_reply_is_not_believed_blindly(bad: JsonObject) -> None:
    """A value out of range, or of another kind, is nonsense."""
    with pytest.raises(CouldNotRun):
        lab.read_reply(GOOD | bad)


IPV4 = bytes.fromhex("46000054000000004001000000000000" + "00000000" + "00000000")
INNER_IPV4 = bytes([0x45]) + bytes(19)
INNER_IPV6 = bytes([0x60]) + bytes(39)
UDP = bytes(8)


def test_errors_are_found_in_packets() -> None:
    """Type, code and quote are where the headers say, options included; other packets hold no error."""
    found = {"type": 11, "code": 0, "quote": b"hello".hex()}
    error = bytes([11, 0]) + bytes(6)
    assert lab_path.error_in(IPV4 + error + INNER_IPV4 + UDP + b"hello") == found
    assert lab_path.error_in(IPV4 + error + INNER_IPV4 + UDP) == found | {"quote": ""}
    assert lab_path.error_in(IPV4 + error) == found | {"quote": ""}
    ipv6 = bytes([0x60]) + bytes(5) + bytes([58]) + bytes(33)
    error = bytes([3, 0]) + bytes(6)
    assert lab_path.error_in(ipv6 + error + INNER_IPV6 + UDP + b"hello") == found | {"type": 3}
    for other in (b"", IPV4, IPV4[:9] + bytes([17]) + IPV4[10:] + error, ipv6[:6] + bytes([17]) + ipv6[7:] + error):
        assert lab_path.error_in(other) == {}


class Lines:
    """Standard input with these lines."""

    def __init__(self, *lines: bytes) -> None:
        """Hold them."""
        self.buffer = lines


def test_the_process_serves_line_by_line(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """One line goes out for each that comes in; what cannot be sent is silence, and nonsense ends it."""

    def send(packet: bytes, ttl: int) -> JsonObject:
        if ttl > 1:
            raise OSError(101, "no way")
        return {"quote": packet.hex()}

    good = b'{"packet":"0a","ttl":%d}\n'
    monkeypatch.setattr(lab_path.sys, "stdin", Lines(good % 1, good % 2))
    assert lab_path._serve(send) == 0
    assert capfdbinary.readouterr().out == b'{"quote":"0a"}\n{"silent":1}\n'
    for bad in (b"nonsense\n", b'{"packet":"0","ttl":1}\n', b'{"packet":"0a"}\n'):
        monkeypatch.setattr(lab_path.sys, "stdin", Lines(bad, good % 1))
        assert lab_path._serve(send) == 2
    assert capfdbinary.readouterr().out == b""


def test_the_process_says_why_it_cannot(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Without scapy, or without the right to its sockets, the first line is the refusal."""
    alarms: list[int] = []

    def refuse(name: str) -> None:
        raise ImportError(f"no {name}")

    monkeypatch.setattr(lab_path, "import_module", refuse)
    monkeypatch.setattr(lab_path.signal, "alarm", alarms.append)
    words = ["--json", "--target", "127.0.0.1", "--port", "9", "--patience-us", "1", "--limit-us", "1500000"]
    assert lab_path.main(words) == 1
    assert capfdbinary.readouterr().out == b'{"refused":"ImportError: no scapy.config"}\n'
    assert alarms == [2]


async def traced(monkeypatch: pytest.MonkeyPatch, host: str) -> Measured:
    """Find a path on a system that has no error queue."""

    def refuse(_target: object, _interface: str | None) -> None:
        raise NotImplementedError

    monkeypatch.setattr(errqueue, "open_socket", refuse)
    return await path.run(PLAN, Scene(PeerAddress("http://peer", host, 9, "peer"), SystemClock(), os.urandom))


async def test_without_scapy_the_process_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The reason a person reads names what is missing."""
    (tmp_path / "scapy.py").write_text("raise ImportError('not here')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(CouldNotRun, match="scapy"):
        await traced(monkeypatch, "127.0.0.1")


@pytest.mark.root
@pytest.mark.skipif(not HAS_SCAPY, reason="scapy is not installed (extra: lab)")
async def test_with_scapy_this_machine_is_one_hop_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the right to open raw sockets the path is found without the error queue, and scapy stays out of this process."""
    was_imported = "scapy" in sys.modules  # by another test of this process
    if os.geteuid() != 0:
        pytest.skip("raw sockets need root")
    outcome = await traced(monkeypatch, "127.0.0.1")
    assert (outcome.members["via"], outcome.members["hops"], outcome.members["reached"]) == ("scapy", "127.0.0.1", True)
    assert ("scapy" in sys.modules) == was_imported
