"""The ladder behind a real router that goes away bit by bit: three network namespaces, as root."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None, reason="needs root and iproute2"
    ),
]
ROOT = Path(__file__).resolve().parents[3]
SERVER = """
import http.server
class Peer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "64")
        self.end_headers()
        self.wfile.write(bytes(64))
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("10.78.2.2", 8441), Peer)
print("ready", flush=True)
server.serve_forever()
"""
CLIMB = """
import asyncio, json, os
from probe.clock import SystemClock
from probe.measure.reach import ReachPlan
from probe.net import reach
from probe.net.address import PeerAddress
from probe.net.scene import Scene
peer = PeerAddress("http://10.78.2.2:8441", "10.78.2.2", 9, "x")
scene = Scene(peer, SystemClock(), os.urandom, None, collector_url="http://10.78.2.2:8441")
seen = asyncio.run(reach.run(ReachPlan("soon", 1_000_000, 1_000_000), scene))
print(json.dumps({"end": seen.end, **seen.members}))
"""


@dataclass(frozen=True)
class Line:
    """A device, a router and a host beyond it, each in a namespace of its own."""

    device: str
    router: str
    host: str

    def sh(self, *commands: str) -> None:
        """Run commands of iproute2 and sysctl."""
        for command in commands:
            words = command.format(device=self.device, router=self.router, host=self.host).split()
            subprocess.run(words, check=True, capture_output=True)

    def climb(self) -> dict[str, Any]:
        """Climb once from the device."""
        command = ["ip", "netns", "exec", self.device, sys.executable, "-c", CLIMB]
        done = subprocess.run(command, check=True, capture_output=True, timeout=30, cwd=ROOT)
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    def failed(self) -> tuple[dict[str, str], dict[str, Any]]:
        """The rungs that do not hold now with their failures, and all of the record."""
        told = self.climb()
        rungs = zip(told["rungs"].split(","), told["failures"].split(","), strict=True)
        return {rung: failure for rung, failure in rungs if failure}, told


@pytest.fixture
def line() -> Iterator[Line]:
    """A line that works, with a peer behind it."""
    made = Line(*(f"reach-{os.getpid()}-{name}" for name in ("d", "r", "h")))
    server = None
    try:
        made.sh(
            "ip netns add {device}",
            "ip netns add {router}",
            "ip netns add {host}",
            "ip link add d0 netns {device} type veth peer name r0 netns {router}",
            "ip link add r1 netns {router} type veth peer name h0 netns {host}",
            "ip -n {device} addr add 10.78.1.2/24 dev d0",
            "ip -n {router} addr add 10.78.1.1/24 dev r0",
            "ip -n {router} addr add 10.78.2.1/24 dev r1",
            "ip -n {host} addr add 10.78.2.2/24 dev h0",
            *(
                f"ip -n {{{where}}} link set {name} up"
                for where, name in (("device", "lo"), ("router", "lo"), ("host", "lo"))
            ),
            *("ip -n {device} link set d0 up", "ip -n {router} link set r0 up"),
            *("ip -n {router} link set r1 up", "ip -n {host} link set h0 up"),
            "ip -n {device} route add default via 10.78.1.1",
            "ip -n {host} route add default via 10.78.2.1",
            "ip netns exec {router} sysctl -qw net.ipv4.ip_forward=1",
        )
        serve = ["ip", "netns", "exec", made.host, sys.executable, "-c", SERVER]
        server = subprocess.Popen(serve, stdout=subprocess.PIPE)
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        yield made
    finally:
        if server is not None:
            server.kill()
            server.communicate()
        for name in (made.device, made.router, made.host):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def test_an_outage_from_far_to_near(line: Line) -> None:
    """As the network goes away, beyond the router, at the cable and on the device, the ladder ends one rung lower."""
    failed, told = line.failed()
    assert (failed, told["end"], told["reached"], told["interface"]) == ({}, "ok", "object", "d0")
    line.sh("ip netns exec {router} sysctl -qw net.ipv4.ip_forward=0")
    failed, told = line.failed()
    assert failed == {"collector": "generic_timeout_error", "peer": "generic_timeout_error"}
    assert (told["reached"], told["neighbour"]) == ("gateway", "complete")
    line.sh("ip -n {router} link set r0 down")
    failed, told = line.failed()
    assert (failed["link"], told["carrier"], told["reached"]) == ("network_down", False, "route")
    assert set(failed) == {"link", "gateway", "collector", "peer"}
    line.sh("ip -n {router} link set r0 up", "ip -n {device} route del default")
    failed, told = line.failed()
    assert failed == dict.fromkeys(("route", "collector", "peer"), "network_unreachable")
    line.sh("ip -n {device} link set d0 down")
    failed, told = line.failed()
    assert (failed["link"], told["failure"], told["reached"]) == ("network_down", "network_down", "address")
