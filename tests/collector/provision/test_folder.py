"""Provisioning: codes in private files and nowhere else, nothing written over, each good once."""

import csv
import stat
from pathlib import Path
from typing import Any

import pytest
from fakes.clock import FakeClock
from fakes.device import Device

from collector.enrol import Portal
from collector.errors import BadRequest, NotFound
from collector.local_desk import LocalDesk
from collector.provision.folder import Terms, provision
from collector.provision.units import Unit, numbered
from collector.services import Services
from shared.provision import Provision, read_provision

CONTRACT: dict[str, Any] = {
    "time_zone": "Europe/Prague",
    "criterion": "cz-mobile-cert",
    "area_class": None,
    "contract": {"down": {"advertised_bps": 40_000_000}},
}
TERMS = Terms("https://proof.example.net", 30, CONTRACT, ca="certificates", settings="[budget]\nmonth_mb = 500\n")


def made(folder: Path) -> list[Provision]:
    """The provisioning files of a folder."""
    return [read_provision(file.read_bytes()) for file in sorted(folder.glob("*/provision.json"))]


def quietly(_done: int) -> None:
    """Nobody watches."""


def test_a_folder_of_devices(services: Services, clock: FakeClock, tmp_path: Path) -> None:
    """Each device has its files, a line, and a code that lives for the days that were asked for and binds one key."""
    folder, seen = tmp_path / "out", []
    units = numbered(3, "line-", "SP-")
    ready = provision(LocalDesk(services), units, TERMS, folder, seen.append)
    assert seen == [1, 2, 3]
    assert [one.provision for one in ready] == made(folder)
    rows = list(csv.DictReader((folder / "manifest.csv").read_text().splitlines()))
    assert [(row["serial"], row["subscriber"]) for row in rows] == [(unit.serial, unit.subscriber) for unit in units]
    for one in ready:
        code = one.provision.invitation.code
        assert one.provision.invitation.collector_key == services.collector_key.public.key_id
        assert (one.provision.ca, one.provision.settings) == (TERMS.ca, TERMS.settings)
        assert one.expires_us == clock.wall_us() + 30 * 86_400_000_000
        assert Portal(services).enrol(code, Device().request(code)).subscriber == one.unit.subscriber


def test_the_codes_are_in_private_files_only(services: Services, tmp_path: Path) -> None:
    """Every file and folder is for its owner only; neither the manifest nor anything of the collector holds a code."""
    folder = tmp_path / "out"
    ready = provision(LocalDesk(services), numbered(2, "line-", "SP-"), TERMS, folder, quietly)
    for path in (folder, *folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    kept = b"".join(file.read_bytes() for file in services.config.data.rglob("*") if file.is_file())
    for one in ready:
        for code in (
            one.provision.invitation.code,
            f"{one.provision.invitation.code[:5]}-{one.provision.invitation.code[5:]}",
        ):
            assert code.encode() not in kept
            assert code not in (folder / "manifest.csv").read_text()


def test_nothing_is_written_over(services: Services, tmp_path: Path) -> None:
    """A folder that is not empty is refused before any code is given out."""
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(BadRequest, match="not empty"):
        provision(LocalDesk(services), numbered(1, "line-", "SP-"), TERMS, tmp_path, quietly)
    assert not services.registry.codes


def test_what_was_given_out_is_there_when_it_fails(services: Services, tmp_path: Path) -> None:
    """If the third line is not there, the two before it are whole, with manifest and sheet."""
    desk = LocalDesk(services)
    for name in ("anna", "ben"):
        desk.run("subscriber_add", CONTRACT | {"id": name})
    units = [Unit("A", "anna"), Unit("B", "ben"), Unit("C", "nobody")]
    with pytest.raises(NotFound):
        provision(desk, units, Terms(TERMS.url, 1), tmp_path / "out", quietly)
    assert [one.serial for one in made(tmp_path / "out")] == ["A", "B"]
    assert (tmp_path / "out/sheet.html").read_text().count("<article>") == 2
    assert len((tmp_path / "out/manifest.csv").read_text().splitlines()) == 3
