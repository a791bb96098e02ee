"""A train of ICMP echo through scapy's raw sockets, as a program of its own: `python -m probe.net.lab_ping TASK`.

Needs root or CAP_NET_RAW, and scapy (the extra `lab`). It is started by `probe.net.icmp` and imported by
nobody, because scapy alone is heavier than the probe. TASK is one JSON object; the answer is one line of JSON
on stdout. The sockets are scapy's plain raw ones, which need no libpcap and hear loopback too.
"""

import ipaddress
import select
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from probe.clock import Clock, SystemClock
from probe.measure.echo import Echo
from probe.measure.latency import NAME
from probe.measure.train import Pace
from shared import strictjson
from shared.strictjson import JsonObject

LEAST_WAIT_US = 100


def packet_of(message: bytes, address: str, *, ipv6: bool) -> bytes:
    """Put a message into an IP packet, with the checksum and the source address the system would give it."""
    if ipv6:
        inet6 = import_module("scapy.layers.inet6")
        layer = inet6.ICMPv6EchoRequest(message)
        layer.cksum = None
        return bytes(inet6.IPv6(dst=address) / layer)
    inet = import_module("scapy.layers.inet")
    return bytes(inet.IP(dst=address) / inet.ICMP(message))


def run(core: Echo, sock: Any, address: str, clock: Clock) -> None:  # noqa: ANN401  (scapy has no types here)
    """Drive a core over a socket of scapy's, until it is final."""
    packets = {
        message: packet_of(message, address, ipv6=core.ipv6) for message in map(core.request, range(core.packets))
    }
    core.start(clock.mono_us())
    while (wake_us := core.next_wakeup(now_us := clock.mono_us())) is not None:
        for message in core.to_send(now_us):
            sock.outs.sendto(packets[message], (address, 0))
            wake_us = now_us
        wait_us = max(wake_us - now_us, LEAST_WAIT_US)
        if select.select([sock], [], [], wait_us / 1_000_000)[0] and (packet := sock.recv()) is not None:
            mono_us, age_us = clock.mono_us(), clock.wall_us() - int(packet.time * 1_000_000)
            core.receive(bytes(packet.payload), mono_us, age_us if age_us >= 0 else None)


def answer_to(task: Mapping[str, Any]) -> JsonObject:
    """Run the train that is asked for; the round trips, and whether the kernel's stamps were used."""
    address = str(ipaddress.ip_address(task["address"].partition("%")[0]))
    core = Echo(NAME, Pace(*task["pace"]), bytes.fromhex(task["chance"]), int(task["packets"]), ipv6=":" in address)
    sockets = import_module("scapy.supersocket")
    sock = sockets.L3RawSocket6() if core.ipv6 else sockets.L3RawSocket()
    try:
        run(core, sock, address, SystemClock())
    finally:
        sock.close()
    seen = core.result()
    return {"rtts_us": list(seen.rtts_us), "kernel_stamps": seen.kernel_stamps}


def main(arguments: Sequence[str]) -> int:
    """Answer one task."""
    answer = answer_to(strictjson.decode(arguments[0].encode()))
    sys.stdout.write(strictjson.encode(answer).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
