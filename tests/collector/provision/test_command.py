"""`code` and `provision` as they are typed: links, QR codes, and everything that cannot be done."""

import json
from pathlib import Path
from typing import Any

import pytest

from collector import say_devices
from collector.__main__ import main
from shared.invitation import read_invitation
from shared.provision import read_provision

LINE = ("--time-zone", "Europe/Prague", "--down", "advertised=40M")


def run(data: Path, *words: str) -> int:
    """Run a command over a folder; its exit code."""
    try:
        return main([*words, "--data", str(data)])
    except SystemExit as ended:
        return int(str(ended.code))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with the line `anna`."""
    folder = tmp_path / "data"
    assert run(folder, "subscriber", "add", "anna", *LINE) == 0
    return folder


def test_a_code_as_a_link(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the address for probes a code is also a link, which names the collector's key."""
    capsys.readouterr()
    assert run(data, "code", "anna", "--url", "https://proof.example.net/", "--code-minutes", "60", "--json") == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    link = read_invitation(told["link"])
    assert (link.url, link.collector_key) == ("https://proof.example.net", told["collector_key"])
    assert (told["code"].replace("-", ""), told["minutes"]) == (link.code, 60)


def test_a_code_without_an_address(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody knows by which address probes reach the collector there is no link, and it is said how to get one."""
    capsys.readouterr()
    assert run(data, "code", "anna") == 0
    out = capsys.readouterr().out
    assert "#" not in out
    assert "--url" in out


def test_the_address_from_the_folder(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The address in collector.toml is the one that links carry."""
    (data / "collector.toml").write_text('url = "https://proof.example.net"\n')
    capsys.readouterr()
    assert run(data, "code", "anna") == 0
    assert "enrol 'https://proof.example.net/enrol#" in capsys.readouterr().out


def test_a_terminal_shows_the_qr_code(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A QR code is drawn where a person looks and it fits; a pipe gets none."""
    told = {"code": "7K3M9-QX2TA", "subscriber": "anna", "minutes": 15, "link": "https://a.example/enrol#7K3M9-QX2TA"}
    say_devices.code(told)
    assert "█" not in capsys.readouterr().out
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    for columns, drawn in (("80", True), ("20", False)):
        monkeypatch.setenv("COLUMNS", columns)
        say_devices.code(told)
        assert ("█" in capsys.readouterr().out) is drawn


def test_provisioning(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """So many devices, each with a new line; the answer says where they are and until when the codes are good."""
    ca, key = tmp_path / "ca.pem", tmp_path / "id.pub"
    ca.write_text("-----BEGIN CERTIFICATE-----\n")
    key.write_text("ssh-ed25519 AAAA tech\n")
    capsys.readouterr()
    words = ("--count", "2", "--days", "7", "--url", "https://a.example", "--ca", str(ca), "--ssh-key", str(key))
    assert run(data, "provision", "--out", str(tmp_path / "out"), *words, *LINE, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["devices"], told["url"]) == (2, "https://a.example")
    found = read_provision((tmp_path / "out/SP-002/provision.json").read_bytes())
    assert (found.serial, found.ca) == ("SP-002", ca.read_text())
    assert "ssh-ed25519 AAAA tech" in (tmp_path / "out/SP-001/user-data").read_text()
    assert "7K3M9" not in json.dumps(told)
    assert run(data, "code", "line-001") == 0


def test_provisioning_lines_that_are_there(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A list of lines needs no contract; the words say what to do with each file."""
    (tmp_path / "list").write_text("anna, A-1\n")
    capsys.readouterr()
    words = ("--subscribers", str(tmp_path / "list"), "--url", "https://a.example")
    assert run(data, "provision", "--out", str(tmp_path / "out"), *words) == 0
    out = capsys.readouterr().out
    assert "1 device in" in out
    assert "user-data" in out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--count", "1", *LINE), "--url is missing"),
        (("--count", "1", "--url", "https://a.example"), "--time-zone"),
        (("--count", "0", "--url", "https://a.example", *LINE), "between 1 and 1000"),
        (("--count", "1", "--days", "0", "--url", "https://a.example", *LINE), "1 to 366 days"),
        (("--count", "1", "--url", "nowhere", *LINE), "https://host:port"),
        (("--count", "1", "--url", "https://a.example", "--ca", "{junk}", *LINE), "no certificates"),
        (("--count", "1", "--url", "https://a.example", "--settings", "{junk}", *LINE), "is not TOML"),
        (("--count", "1", "--url", "https://a.example", "--ssh-key", "{junk}", *LINE), "public key"),
        (("--count", "1", "--url", "https://a.example", "--ca", "{none}", *LINE), "cannot be read"),
        (("--count", "1", "--url", "https://a.example", "--ca", "{bytes}", *LINE), "not UTF-8"),
        (("--count", "1", "--url", "https://a.example", "--ca", "{large}", *LINE), "larger than"),
        (("--count", "1", "--url", "https://a.example", "--apn", "in ternet", *LINE), "no access point's name"),
        (("--subscribers", "{none}", "--url", "https://a.example"), "cannot be read"),
        ((), "one of the arguments"),
        (("--count", "1", "--subscribers", "{junk}"), "not allowed with"),
    ],
)
def test_what_cannot_be_provisioned(
    words: tuple[str, ...], why: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is missing or wrong is said with exit code 2, and nothing is written."""
    files = {"junk": b"= junk", "bytes": b"\xff", "large": b" " * 200_000}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    named = {name: str(tmp_path / name) for name in (*files, "none")}
    assert run(data, "provision", "--out", str(tmp_path / "out"), *(word.format(**named) for word in words)) == 2
    assert why in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
