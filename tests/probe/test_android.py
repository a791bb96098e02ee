"""On a phone: with nothing but what Termux has, everything loads, measures can be sealed, and `doctor` answers.

No phone was used. The same Python runs here with `sys.platform` saying android, without any installed package but h11, and
with a psutil that refuses to be imported, is not there at all, or is Termux's own, to which Android refuses most calls; whatever
else is asked for is not found.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import h11
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
# These are programs of their own for whoever installs the extra that they need (`lab`): no part of what is scheduled.
OWN_PROGRAMS = ("probe.net.lab_path", "probe.net.lab_ping")

PHONE = """
import importlib, importlib.abc, json, pkgutil, platform, sys, sysconfig
platform.uname(), sysconfig.get_config_vars()  # remembered: both would look for files that an Android's Python has
psutil, h11_at, repository, state = sys.argv[1:]
sys.platform = "android"
sys.path += [h11_at, repository]
OURS = ("h11", "probe", "shared")


def own(name):
    top = name.partition(".")[0]
    return top in sys.stdlib_module_names or top.startswith("_sysconfigdata_")


class Termux(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top == "psutil" and psutil == "refuses":
            raise NotImplementedError("platform android is not supported")
        if top in OURS or own(name) or (top == "psutil" and psutil == "is refused"):
            return None
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Termux())

import probe.__main__, probe.run
from probe.catalogue import METHODS

methods = [method.name for method in METHODS.values() if method.plans and callable(method.run)]
import probe
failed = {}
for module in pkgutil.walk_packages(probe.__path__, "probe."):
    if module.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(module.name)
    except ImportError as error:
        failed[module.name] = str(error)

from shared.batch import Sealing, open_batch, seal_batch
from shared.keys import FileKey, PublicKey
from shared.primitives import chosen

key = FileKey.from_pem(FileKey.generate().to_pem())
record = b'{"end":"aborted","method":"latency","mono_us":1,"peer":"p","plan":"quick","seq":0,"ver":2,"wall_us":1}\\n'
body = seal_batch([record], Sealing("phone", 0, "boot", "0" * 64, 0, 0, 1, 1), key)
opened = open_batch(body, lambda _: PublicKey.from_pem(key.public.to_pem()))

from dataclasses import asdict
from probe.platform.host import snapshot
from probe.platform.power import read_battery
host = asdict(snapshot("rmnet_data0"))
battery = read_battery().power

import contextlib, io
told = io.StringIO()
with contextlib.redirect_stdout(told):
    code = probe.__main__.main(["doctor", "--json", "--state", state])
print(json.dumps({
    "methods": methods,
    "all": sorted({name.partition(".")[0] for name in sys.modules if not own(name)}),
    "failed": failed,
    "records": len(opened.records),
    "library": chosen().name,
    "doctor": json.loads(told.getvalue()),
    "code": code,
    "host": {name: value for name, value in host.items() if value not in (None, (), True)},
    "battery": battery is not None,
    "refused": sorted(sys.modules["psutil"].refused) if psutil == "is refused" else [],
}))
"""
# As giampaolo/psutil#2743 tells it of a phone; its own process, memory and addresses are told.
REFUSING = """
from types import SimpleNamespace

class Error(Exception):
    pass

refused = set()

def refuse(name):
    def call(*_args, **_named):
        refused.add(name)
        raise PermissionError(13, "Permission denied", "/proc/stat")
    return call

for name in ("cpu_percent", "cpu_times", "boot_time", "net_io_counters", "sensors_battery"):
    globals()[name] = refuse(name)

class Process:
    def cpu_times(self):
        return SimpleNamespace(user=1.5, system=0.5)

def getloadavg():
    return (0.25, 0.5, 0.75)

def virtual_memory():
    return SimpleNamespace(available=1_000_000, total=4_000_000)

def net_if_addrs():
    return {"rmnet_data0": [SimpleNamespace(address="192.0.2.7")]}
"""


@pytest.fixture(scope="module", params=["refuses", "absent", "is refused"])
def phone(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Do all of it in one process, and give what it told."""
    folder = tmp_path_factory.mktemp("phone")
    (folder / "packages").mkdir()
    (folder / "packages/h11").symlink_to(Path(h11.__file__).parent)
    if request.param == "is refused":
        (folder / "packages/psutil.py").write_text(REFUSING)
    words = [request.param, str(folder / "packages"), str(REPOSITORY), str(folder / "state")]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error::SyntaxWarning", "-c", PHONE, *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_nothing_else_is_imported(phone: dict[str, Any]) -> None:
    """The whole program with all its methods needs the standard library and h11, and no compiled package."""
    assert set(phone["all"]) - {"psutil"} <= {"__main__", "h11", "probe", "shared"}
    assert ("psutil" in phone["all"]) is bool(phone["refused"])
    assert {name: why for name, why in phone["failed"].items() if name not in OWN_PROGRAMS} == {}


def test_every_method_loads(phone: dict[str, Any]) -> None:
    """Core and shell of each method are there, those of every slot and those asked for by hand."""
    assert {"latency", "download", "upload", "fetch", "dns", "path"} <= set(phone["methods"])


def test_a_batch_is_sealed_and_holds(phone: dict[str, Any]) -> None:
    """The phone signs through libcrypto, and what it signed is opened like any other batch."""
    assert phone["library"].startswith("libcrypto")
    assert phone["records"] == 1


def test_doctor_answers(phone: dict[str, Any]) -> None:
    """`doctor` says that the signer works, and that the next thing to do is to enrol."""
    checks = {check["name"]: check for check in phone["doctor"]["checks"]}
    assert phone["code"] == 1
    assert checks["signer"]["good"]
    assert not checks["enrolment"]["good"]


def test_what_android_refuses_is_absent(phone: dict[str, Any]) -> None:
    """Each refused call costs its own figure and no other: bytes and processors are absent, memory and own time are there."""
    if not phone["refused"]:
        assert phone["host"] == {"interface": "rmnet_data0", "kind": "cellular"}
        return
    assert {"cpu_times", "net_io_counters", "sensors_battery"} <= set(phone["refused"])
    assert phone["host"] == {
        "interface": "rmnet_data0",
        "kind": "cellular",
        "load_per_mille": 250,
        "own_cpu_us": 2_000_000,
        "memory_available_bytes": 1_000_000,
        "memory_total_bytes": 4_000_000,
    }
    assert not phone["battery"]
    checks = {check["name"]: check for check in phone["doctor"]["checks"]}
    assert "cannot be read" in checks["counters"]["found"]
