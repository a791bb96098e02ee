"""Many ndt7 downloads at once from one process, as cheaply as Python can: prints each flow's bytes within one window.

A flow speaks just enough WebSocket to be sent to; frames are not read, only counted. A flow that ends or fails early
keeps what it had.
"""

import argparse
import json
import selectors
import socket
import sys
import time

REQUEST = (
    "GET /ndt/v7/download HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    "Sec-WebSocket-Protocol: net.measurementlab.ndt.v7\r\n\r\n"
)


def count(host: str, port: int, flows: int, warm_s: float, seconds: float) -> dict[str, object]:
    """Open all flows, let them run warm, then count for some seconds."""
    chooser = selectors.DefaultSelector()
    opened = [socket.create_connection((host, port)) for _ in range(flows)]
    for number, flow in enumerate(opened):
        flow.sendall(REQUEST.format(host=host).encode())
        flow.settimeout(0)
        chooser.register(flow, selectors.EVENT_READ, number)
    buffer = bytearray(1 << 18)
    counts, ended = [0] * flows, 0
    start_s = time.monotonic() + warm_s
    now_s = time.monotonic()
    while now_s < start_s + seconds and ended < flows:
        for key, _ in chooser.select(timeout=0.1):
            flow = opened[key.data]
            try:
                n_bytes = flow.recv_into(buffer)
            except BlockingIOError:
                continue
            except ConnectionError:
                n_bytes = 0
            if not n_bytes:
                chooser.unregister(flow)
                ended += 1
            elif now_s >= start_s:
                counts[key.data] += n_bytes
        now_s = time.monotonic()
    for flow in opened:
        flow.close()
    chooser.close()
    return {"counts": counts, "dur_us": int((now_s - start_s) * 1_000_000), "ended": ended}


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--flows", type=int, default=50)
    parser.add_argument("--warm", type=float, default=1.5)
    parser.add_argument("--seconds", type=float, default=7)
    options = parser.parse_args()
    told = count(options.host, options.port, options.flows, options.warm, options.seconds)
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
