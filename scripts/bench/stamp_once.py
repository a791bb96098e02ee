"""A steady stream of STAMP test packets (RFC 8762, unauthenticated), sent in bursts of a millisecond, and its answers counted.

Prints one JSON object: how many were sent in how long, how many answers came back.
"""

import argparse
import json
import secrets
import socket
import struct
import sys
import time

PACKET = struct.Struct("!IIIHH28x")  # sequence number, time (NTP seconds and fraction), error estimate, SSID
NTP_S = 2_208_988_800  # from 1900 to 1970
ERROR_ESTIMATE = 0x0001  # not synchronised, scale 0, multiplier 1
BURST_S = 0.001
TAIL_S = 0.5


def stream(host: str, port: int, per_s: int, seconds: float) -> dict[str, int]:
    """Send as many as are due, then read as many as are there, over and over."""
    ssid = 1 + secrets.randbelow(0xFFFE)
    buffer = bytearray(2048)
    sent = answered = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        opened.connect((host, port))
        opened.settimeout(0)

        def read() -> int:
            here = 0
            try:
                while True:
                    opened.recv_into(buffer)
                    here += 1
            except (BlockingIOError, ConnectionRefusedError):
                return here

        began_s = time.monotonic()
        while (elapsed_s := time.monotonic() - began_s) < seconds:
            now_ns = time.time_ns()
            second, rest_ns = divmod(now_ns, 1_000_000_000)
            while sent < elapsed_s * per_s:
                opened.send(PACKET.pack(sent, second + NTP_S, (rest_ns << 32) // 1_000_000_000, ERROR_ESTIMATE, ssid))
                sent += 1
            answered += read()
            time.sleep(BURST_S)
        dur_us = int((time.monotonic() - began_s) * 1_000_000)
        time.sleep(TAIL_S)
        answered += read()
    return {"sent": sent, "answered": answered, "dur_us": dur_us}


def main() -> None:
    """Send and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--per-second", type=int, default=22_000)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    told = stream(options.host, options.port, options.per_second, options.seconds)
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
