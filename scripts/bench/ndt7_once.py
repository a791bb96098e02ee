"""A plain single-flow ndt7 client (specification 0.11) for comparison, as the public ones are: 10 s, no warm-up left out.

Download: its own count of received bytes over time. Upload: the peer's last count, as the specification wants. Prints
one JSON object with the count, the time, and the monotonic clock at the finished handshake.
"""

import argparse
import asyncio
import json
import os
import sys
import time

import aiohttp

SUBPROTOCOL = "net.measurementlab.ndt.v7"
SECONDS = 10.0
UPLOAD_BYTES = 1 << 16
PATIENCE_S = 3.0  # ndt7: either side may drop at 13 s


def mono_us() -> int:
    """The monotonic clock."""
    return time.monotonic_ns() // 1000


async def download(socket: aiohttp.ClientWebSocketResponse) -> tuple[int, int]:
    """Count what arrives until the peer closes or it is time."""
    zero_us = last_us = mono_us()
    received_bytes = 0
    while last_us - zero_us < SECONDS * 1_000_000:
        try:
            message = await socket.receive(timeout=PATIENCE_S)
        except TimeoutError:
            break
        if message.type is aiohttp.WSMsgType.BINARY:
            received_bytes += len(message.data)
            last_us = mono_us()
        elif message.type is not aiohttp.WSMsgType.TEXT:
            break
    return received_bytes, last_us - zero_us


async def upload(socket: aiohttp.ClientWebSocketResponse) -> tuple[int, int]:
    """Send for the time, and take what the peer says it counted."""
    zero_us = mono_us()
    load = os.urandom(UPLOAD_BYTES)
    counted = (0, 1)

    async def listen() -> None:
        nonlocal counted
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                told = json.loads(message.data).get("AppInfo", {})
                counted = (told.get("NumBytes", counted[0]), told.get("ElapsedTime", counted[1]))

    listening = asyncio.create_task(listen())
    try:
        async with asyncio.timeout(SECONDS):
            while not listening.done() and mono_us() - zero_us < SECONDS * 1_000_000:
                await socket.send_bytes(load)
    except (TimeoutError, ConnectionError):
        pass
    await asyncio.wait({listening}, timeout=PATIENCE_S)
    listening.cancel()
    return counted


async def run(url: str, way: str) -> dict[str, int]:
    """Run one test."""
    timeout = aiohttp.ClientWSTimeout(ws_close=1)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(
            f"{url}/ndt/v7/{way}", protocols=[SUBPROTOCOL], max_msg_size=1 << 24, timeout=timeout
        ) as socket,
    ):
        zero_us = mono_us()
        count_bytes, dur_us = await (download(socket) if way == "download" else upload(socket))
        return {"bytes": count_bytes, "dur_us": dur_us, "zero_mono_us": zero_us}


def main() -> None:
    """Run one test and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="such as http://127.0.0.1:8441")
    parser.add_argument("way", choices=["download", "upload"])
    options = parser.parse_args()
    sys.stdout.write(json.dumps(asyncio.run(run(options.url, options.way))) + "\n")


if __name__ == "__main__":
    main()
