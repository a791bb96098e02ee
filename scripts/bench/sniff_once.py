"""When each STAMP packet (RFC 8762) passed an interface, by the kernel's stamps: the truth about its delay.

Listens until standard input closes, then prints one JSON list of [us, outgoing, from the sender, SSID, sender's number].
"""

import argparse
import json
import select
import socket
import struct
import sys

ALL_PROTOCOLS = 3  # ETH_P_ALL, packet(7)
OUTGOING = 4  # PACKET_OUTGOING
SO_TIMESTAMPNS = 35  # socket(7); not in Python's socket module
STAMP = struct.Struct("qq")
UDP = 17
UDP_HEADER_BYTES = 8
SSID_AT, NUMBER_AT, ECHOED_NUMBER_AT = 14, 0, 24
SHORTEST_BYTES = 44


def seen(packet: bytes, port: int) -> tuple[int, int, int] | None:
    """Whether it is from the sender, its SSID, and the sender's number; None if it is no STAMP packet of this peer."""
    version = packet[0] >> 4
    header_bytes, protocol = ((packet[0] & 15) * 4, packet[9]) if version == 4 else (40, packet[6])
    body = packet[header_bytes + UDP_HEADER_BYTES :]
    if protocol != UDP or len(body) < SHORTEST_BYTES:
        return None
    source, target = struct.unpack_from("!HH", packet, header_bytes)
    if port not in {source, target}:
        return None
    number_at = NUMBER_AT if target == port else ECHOED_NUMBER_AT
    return int(target == port), struct.unpack_from("!H", body, SSID_AT)[0], struct.unpack_from("!I", body, number_at)[0]


def listen(interface: str, port: int) -> list[tuple[int, int, int, int, int]]:
    """Note every packet until nobody wants to know any more."""
    found = []
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ALL_PROTOCOLS)) as opened:
        opened.bind((interface, 0))
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        opened.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        print("listening", flush=True)
        while sys.stdin not in (ready := select.select([opened, sys.stdin], [], [])[0]) or opened in ready:
            packet, told, _, address = opened.recvmsg(128, 128)
            here = seen(packet, port)
            if here is not None:
                second, nanosecond = STAMP.unpack(told[0][2])
                found.append((second * 1_000_000 + nanosecond // 1000, int(address[2] == OUTGOING), *here))
    return found


def main() -> None:
    """Listen and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("interface")
    parser.add_argument("port", type=int)
    options = parser.parse_args()
    print(json.dumps(listen(options.interface, options.port)))


if __name__ == "__main__":
    main()
