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
    "sqlite3",
    "_sqlite3",
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


LAZY = """
import sys
import shared.batch, shared.transfer, shared.enrolment, probe.home, probe.service.owner
print(sorted({"cryptography", "ctypes", "plistlib", "xml.etree.ElementTree", "probe.service.apply"} & sys.modules.keys()))
"""


def test_nobody_pays_for_signing_before_it_is_needed() -> None:
    """Keys' library is loaded with the first key, and a service's files are nobody's business but the installer's."""
    done = subprocess.run([sys.executable, "-c", LAZY], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


SHUT = """
import ctypes, mmap, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) != 0:  # PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN: Linux 6.3
    sys.exit(77)
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    sys.exit("memory to write and execute was given")
except PermissionError:
    pass
import ssl, tempfile
from pathlib import Path
import probe.outbox, probe.run
from probe.platform.host import facts_on_the_way_to
from shared import libcrypto, pyca
for library in (pyca.Pyca(), libcrypto.load()):
    key = library.generate()
    library.public(key.spki).verify(key.sign(b"x"), b"x")
    library.key_stream(bytes(32), bytes(16))(64)
ssl.create_default_context()
with tempfile.TemporaryDirectory() as folder:
    probe.outbox.Outbox(Path(folder) / "outbox", lambda: bytes(32)).close()
facts_on_the_way_to("127.0.0.1", 9)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a rule of Linux kernels")
def test_the_hardened_unit_lets_it_work() -> None:
    """Under MemoryDenyWriteExecute=, as the unit has it, both signers, TLS, the outbox and the readings of the host work."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", SHUT], check=False, capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip("this kernel cannot refuse such memory (before 6.3)")
    assert (done.returncode, done.stderr) == (0, "")
