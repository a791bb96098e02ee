"""On a phone: with nothing but what Termux has, everything loads, measures can be sealed, and `doctor` answers.

No phone was used. The same Python runs here with `sys.platform` saying android, without any installed package but h11, and
with a psutil that refuses to be imported or is not there at all; whatever else is asked for is not found.
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
        if top in OURS or own(name):
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
}))
"""


@pytest.fixture(scope="module", params=["refuses", "absent"])
def phone(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Do all of it in one process, and give what it told."""
    folder = tmp_path_factory.mktemp("phone")
    (folder / "packages").mkdir()
    (folder / "packages/h11").symlink_to(Path(h11.__file__).parent)
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
    assert set(phone["all"]) <= {"__main__", "h11", "probe", "shared"}
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
