"""The machine as the doctor sees it: each trouble is said with what to do, and what nobody tells is no trouble."""

from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.tools import HANGS, toolbox

from probe.doctor import device
from probe.home import Home
from probe.platform import tools
from probe.surroundings import Power, Surroundings
from shared.errors import NoKey


def levels(*checks: device.Check) -> list[str]:
    """How the checks ended."""
    return [check.level for check in checks]


def test_what_is_always_told() -> None:
    """Python and the signing library are named."""
    assert device.python().found.startswith("3.")
    assert device.signer().good
    assert "ECDSA P-256 by " in device.signer().found


def test_nobody_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a library that signs it is said what to install."""

    def missing() -> None:
        raise NoKey("install openssl")

    monkeypatch.setattr("probe.doctor.device.FileKey.generate", missing)
    assert (device.signer().level, device.signer().found) == ("look", "install openssl")


@pytest.mark.parametrize(("free", "level"), [(100_000_001, "ok"), (100_000_000, "look")])
def test_room(free: int, level: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below 100 MB there is too little room."""
    monkeypatch.setattr("shutil.disk_usage", lambda _folder: type("Usage", (), {"free": free})())
    assert device.disk(tmp_path).level == level


def test_a_key_that_others_can_read(tmp_path: Path) -> None:
    """A key that others can read is named; certificates are no secret."""
    home = Home(tmp_path)
    for name, mode in (("device.pem", 0o600), ("ca.pem", 0o644)):
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(mode)
    assert device.permissions(home).good
    (tmp_path / "device.pem").chmod(0o640)
    check = device.permissions(home)
    assert (check.level, check.found) == ("look", "others can read device.pem")
    assert "chmod 600" in check.advice


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state folder of another user is said before anything fails in it."""
    monkeypatch.setattr("os.access", lambda _folder, _mode: False)
    assert device.permissions(Home(tmp_path)).level == "look"


@pytest.mark.parametrize(
    ("wall_us", "synced", "level", "words"),
    [
        (1_800_000_000_000_000, True, "ok", "2027-01-15 09:00:00 CET, UTC+01:00, set by a time server"),
        (1_800_000_000_000_000, None, "ok", "UTC+01:00"),
        (1_800_000_000_000_000, False, "look", "no time server has set it"),
        (0, None, "look", "which is past"),
    ],
)
def test_the_clock(wall_us: int, synced: bool | None, level: str, words: str, tmp_path: Path) -> None:
    """A clock in the past and one that nobody set are trouble; one of which nobody tells is not."""
    clock = FakeClock(wall_us, zone=(3600, "CET"))
    (check,) = device.time(clock, Surroundings(synced=synced), tmp_path)
    assert check.level == level
    assert words in check.found


def test_a_clock_that_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A board without a clock of its own is told so, as a note."""
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.delenv("ANDROID_ROOT", raising=False)
    checks = list(device.time(FakeClock(), Surroundings(), tmp_path / "none"))
    assert [check.name for check in checks if check.level == "note"] == ["rtc"]


def test_zones() -> None:
    """The device's zone is named, and the line's beside it."""
    assert device.zone(FakeClock(), None).found == "this device shows times in UTC"
    assert "Europe/Prague" in device.zone(FakeClock(), "Europe/Prague").found


@pytest.mark.parametrize(
    ("power", "expected"),
    [
        (Power(), []),
        (Power(plugged=True, charge_per_cent=80), ["ok"]),
        (Power(plugged=False, saver=True), ["look"]),
        (Power(saver=True), ["look"]),
        (Power(throttled=True), ["look"]),
    ],
)
def test_the_battery(power: Power, expected: list[str]) -> None:
    """A saver and a board that slows itself down are trouble; no battery is nothing."""
    checks = list(device.power(power))
    assert levels(*checks) == expected
    assert all(check.found and not check.found.startswith(",") for check in checks)


@pytest.mark.parametrize(
    ("program", "level", "words"),
    [
        ("""echo '{"percentage": 80}'""", "ok", "answers"),
        ("""echo '{"error": "Please grant"}'""", "look", "allow Location and Phone"),
        (HANGS, "look", "open it once"),
        (None, "look", "pkg install termux-api"),
    ],
)
async def test_termux_api(
    program: str | None, level: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Termux:API that is absent, hangs or was refused is said with what to do about just that."""
    box = toolbox(tmp_path, monkeypatch)
    quick = tools.ask

    async def ask(command: list[str]) -> object:
        return await quick(command, 0.2)

    monkeypatch.setattr("probe.doctor.device.ask", ask)
    if program is not None:
        box.plant("termux-battery-status", program)
    check = await device.termux()
    assert check.level == level
    assert words in check.found + check.advice


def test_what_android_does_not_tell() -> None:
    """That a phone may end programs cannot be read, and is told in any case."""
    assert (device.unrestricted().level, "Unrestricted" in device.unrestricted().advice) == ("note", True)
