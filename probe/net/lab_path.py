"""A process of its own that sends UDP probes with scapy and says what answered. Never imported by the daemon.

`python -m probe.net.lab_path --json --target ADDRESS --port N --patience-us N --limit-us N`. A line of strict
JSON each: `{"ready":1}` or `{"refused":…}` first; then for each `{"packet":hex,"ttl":n}` on stdin either
`{"silent":1}` or `{"code","offender","quote","rtt_us","type"}` on stdout. It judges nothing, ends with its
input, and is ended by an alarm where the system has one. Needs scapy and the right to open raw sockets.
"""

import argparse
import signal
import socket
import sys
from collections.abc import Callable
from importlib import import_module
from ipaddress import IPv4Address, ip_address
from typing import Any

from shared import strictjson
from shared.errors import Malformed
from shared.strictjson import JsonObject

IPV6_HEADER_BYTES = 40
ICMP_HEADER_BYTES = UDP_HEADER_BYTES = 8
ICMP, ICMPV6 = 1, 58

Send = Callable[[bytes, int], JsonObject]


def main(argv: list[str] | None = None) -> int:
    """Answer each line of stdin with one of stdout."""
    options = _options(argv)
    if hasattr(signal, "alarm"):
        signal.alarm(-(-options.limit_us // 1_000_000))
    with socket.socket(socket.AF_INET6 if ":" in options.target else socket.AF_INET, socket.SOCK_DGRAM) as kept:
        kept.bind(("", 0))  # so that nobody else is given the port our probes say they come from
        try:
            send = _sender(options, kept.getsockname()[1])
        except (ImportError, OSError) as exc:
            _say({"refused": f"{type(exc).__name__}: {exc}".encode("ascii", "replace").decode()})
            return 1
        _say({"ready": 1})
        return _serve(send)


def error_in(packet: bytes) -> JsonObject:
    """Read type, code and quoted payload of the ICMP error in an IP packet; nothing if it holds none."""
    if not packet:
        return {}
    if packet[0] >> 4 == IPv4Address(0).version:
        at, protocol = (packet[0] & 15) * 4, packet[9:10]
        inner = packet[at + ICMP_HEADER_BYTES :]
        quoted = inner[(inner[0] & 15) * 4 :] if inner else b""
    else:
        at, protocol = IPV6_HEADER_BYTES, packet[6:7]
        quoted = packet[at + ICMP_HEADER_BYTES + IPV6_HEADER_BYTES :]
    if len(packet) < at + 2 or protocol not in (bytes([ICMP]), bytes([ICMPV6])):
        return {}
    return {"type": packet[at], "code": packet[at + 1], "quote": quoted[UDP_HEADER_BYTES:].hex()[:1024]}


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="probe.net.lab_path")
    parser.add_argument("--json", action="store_true", required=True)
    parser.add_argument("--target", required=True)
    for name in ("--port", "--patience-us", "--limit-us"):
        parser.add_argument(name, type=int, required=True)
    return parser.parse_args(argv)


def _sender(options: argparse.Namespace, source_port: int) -> Send:
    """Load scapy and open its socket once, so that a refusal is known before the first probe; raises OSError."""
    config: Any = import_module("scapy.config")
    sendrecv: Any = import_module("scapy.sendrecv")
    inet: Any = import_module("scapy.layers.inet")
    packets: Any = import_module("scapy.packet")
    is_ipv4 = isinstance(ip_address(options.target), IPv4Address)
    inet6: Any = None if is_ipv4 else import_module("scapy.layers.inet6")
    config.conf.verb = 0
    refusal: type[Exception] = import_module("scapy.error").Scapy_Exception
    try:
        (config.conf.L3socket if is_ipv4 else config.conf.L3socket6)().close()
    except refusal as exc:
        raise OSError(str(exc)) from exc

    def send(packet: bytes, ttl: int) -> JsonObject:
        network = (
            inet.IP(dst=options.target, ttl=ttl, flags="DF") if is_ipv4 else inet6.IPv6(dst=options.target, hlim=ttl)
        )
        probe = network / inet.UDP(sport=source_port, dport=options.port) / packets.Raw(packet)
        sent, _ = sendrecv.sr(probe, timeout=options.patience_us / 1_000_000, verbose=0)
        for query, answer in sent:
            told = error_in(bytes(answer.original or answer))
            if told:
                rtt_us = max(0, int((answer.time - query.sent_time) * 1_000_000))
                return told | {"offender": str(answer.src), "rtt_us": rtt_us}
        return {"silent": 1}

    return send


def _serve(send: Send) -> int:
    for line in sys.stdin.buffer:
        try:
            asked = strictjson.decode(line.removesuffix(b"\n"))
            packet, ttl = bytes.fromhex(str(asked.get("packet"))), int(str(asked.get("ttl")))
        except (Malformed, ValueError):
            return 2
        try:
            _say(send(packet, ttl))
        except OSError:  # a route that went away, a full queue: nothing was sent, so nothing answers
            _say({"silent": 1})
    return 0


def _say(told: JsonObject) -> None:
    sys.stdout.buffer.write(strictjson.encode(told) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
