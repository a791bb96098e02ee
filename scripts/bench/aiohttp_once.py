"""A plain aiohttp download for some seconds, for comparison: prints bytes and the CPU time they took as one JSON object."""

import argparse
import asyncio
import json
import resource
import sys
import time

import aiohttp


def cpu_us() -> int:
    """CPU time of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return int((used.ru_utime + used.ru_stime) * 1_000_000)


async def get(url: str, seconds: float) -> dict[str, int]:
    """Read what comes, piece by piece, and throw it away."""
    received_bytes = 0
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        before_us, end_s = cpu_us(), time.monotonic() + seconds
        async for piece in response.content.iter_any():
            received_bytes += len(piece)
            if time.monotonic() >= end_s:
                break
        used_us = cpu_us() - before_us
        response.close()
    return {"bytes": received_bytes, "cpu_us": used_us}


def main() -> None:
    """Download and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    sys.stdout.write(json.dumps(asyncio.run(get(options.url, options.seconds))) + "\n")


if __name__ == "__main__":
    main()
