"""What the probe needs on a customer's device, and what it must not need there."""

import subprocess
import sys
from collections.abc import Callable

import pytest

FORBIDDEN = (
    "aiohttp",
    "yarl",
    "scapy",
    "speedtest",
    "dns",
    "duckdb",
    "fastapi",
    "uvicorn",
    "jinja2",
    "collector",
    "numpy",
    "pydantic",
)
LOOK = """
import sys, time
before = time.perf_counter()
import probe.__main__, probe.commands.run
took = time.perf_counter() - before
import resource
print(int(1000 * took), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(" ".join(sorted(sys.modules)))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="resource is not there")
def test_the_probe_needs_no_server_side(record_property: Callable[[str, object], None]) -> None:
    """Starting the probe imports nothing of the collector's, and nothing a phone or an old board cannot have."""
    done = subprocess.run([sys.executable, "-c", LOOK], check=True, capture_output=True, text=True)
    figures, modules = done.stdout.splitlines()
    took_ms, rss_kib = figures.split()
    record_property("import_ms", took_ms)
    record_property("rss_kib", rss_kib)
    print(f"import {took_ms} ms, {rss_kib} KiB resident")  # noqa: T201 - a figure to look at, not one to judge by
    loaded = {name.partition(".")[0] for name in modules.split()}
    assert loaded.isdisjoint(FORBIDDEN)
    assert "probe" in loaded
