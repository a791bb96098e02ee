"""`enrol`: by link, by words, from a picture, from a file, and asked for; and what it says to do next."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.collector import CODE, FakeCollector, serving_aside
from fakes.peer import free_port
from fakes.tools import toolbox
from strategies import COLLECTOR

from probe.home import Home
from shared.invitation import Invitation
from shared.provision import Provision, write_provision

Say = Callable[..., tuple[int, str, str]]
KEY = COLLECTOR.public.key_id


def test_a_pasted_link(state: Path, say: Say) -> None:
    """One link is enough, and its key id makes sure that it is the collector that was meant."""
    with serving_aside(FakeCollector()) as there:
        code, out, err = say("enrol", f"<{Invitation(there.url, CODE, KEY).link}>")
        assert (code, err) == (0, "")
        assert "enrolled for the line of anna" in out
        assert "believed as first seen" not in out
        wrong = Invitation(there.url, CODE, "0" * 64).link
        code, _, err = say("enrol", wrong)
    assert code == 1
    assert "not the one you were told" in err
    assert Home(state).enrolled().subscriber == "anna"


def test_what_to_do_next(state: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer says how to measure now, always, and in this window; with a service there is nothing left to do."""
    monkeypatch.setattr("probe.service.apply.installed", lambda _plan: [])
    with serving_aside(FakeCollector()) as there:
        out = say("enrol", there.url, CODE)[1]
        for command in ("once", "service install", "run"):
            assert f"speedproof-probe {command} --state {state}" in out
        assert "(believed as first seen)" in out
        monkeypatch.setattr("probe.service.apply.installed", lambda plan: [plan])
        out = say("enrol", there.url, CODE)[1]
    assert "service of this device measures from now on" in out
    assert "speedproof-probe run" not in out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "what to enrol with is missing"),
        (("https://a.example",), "the code is missing: speedproof-probe enrol https://a.example 7K3M9-QX2TA"),
        (("https://a.example/enrol#7K3M9-QX2TA", "7K3M9-QX2TA"), "leave the second word out"),
        (("https://a.example/#7K3M9-QX2TA",), "an invitation looks like"),
        (("https://a.example/enrol#7K3M9",), "a code has 10"),
        (("https://a.example", CODE, "--collector-key", "abc"), "64 digits"),
        (("--qr", "no-such-picture.png"), "there is no picture"),
        (("--from", "no-such-file.json"), "cannot be read"),
        (("--from", "x.json", "https://a.example"), "leave the other words out"),
    ],
)
def test_what_cannot_be_understood(words: tuple[str, ...], why: str, say: Say) -> None:
    """What is missing or wrong ends with 2 and says what to type."""
    code, out, err = say("enrol", *words)
    assert (code, out) == (2, "")
    assert why in err


def test_nobody_answers(say: Say) -> None:
    """A collector that is not reached ends with 1, with the reason and what to do about it."""
    code, _, err = say("enrol", f"http://127.0.0.1:{free_port()}", CODE)
    assert code == 1
    assert "does not answer" in err
    assert "check the port" in err


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        """Say that somebody is there."""
        return True


@pytest.mark.parametrize("typed", ["{link}\n", "{url}\n7k3m9 qx2ta\n"])
def test_asked_on_a_terminal(typed: str, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without words it asks for the link, or for address and code; questions are not results."""
    with serving_aside(FakeCollector()) as there:
        answers = typed.format(link=Invitation(there.url, CODE).link, url=there.url)
        monkeypatch.setattr("sys.stdin", Terminal(answers))
        code, out, err = say("enrol")
    assert code == 0
    assert out.startswith("enrolled for the line of anna")
    assert "Paste the link" in err
    assert ("Type the code" in err) is ("\n7k3" in typed)


@pytest.mark.parametrize("typed", ["", "nonsense\n", "http://127.0.0.1:9\nshort\n"])
def test_nonsense_on_a_terminal(typed: str, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is typed wrong is said, and nobody is asked anything else."""
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    assert say("enrol")[0] == 2


def test_a_picture(tmp_path: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture of the QR code is as good as the link."""
    (tmp_path / "qr.png").write_bytes(b"a picture")
    with serving_aside(FakeCollector()) as there:
        toolbox(tmp_path, monkeypatch).plant(
            "zbarimg", f"echo 'tel:123'; echo '{Invitation(there.url, CODE, KEY).link}'"
        )
        code, out, err = say("enrol", "--qr", str(tmp_path / "qr.png"))
    assert code == 0
    assert "enrolled for the line of anna" in out
    assert there.url in err


@pytest.mark.parametrize(
    ("program", "why"),
    [
        (None, "zbarimg, which is not installed"),
        ("exit 4", "no QR code was found"),
        ("echo 'tel:123'", "is no invitation"),
    ],
)
def test_a_picture_that_does_not_help(
    program: str | None, why: str, tmp_path: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the program, without a code and with another code it says what to do instead."""
    (tmp_path / "qr.png").write_bytes(b"a picture")
    box = toolbox(tmp_path, monkeypatch)
    monkeypatch.setenv("PATH", str(box.folder))
    if program is not None:
        box.plant("zbarimg", program)
    code, _, err = say("enrol", "--qr", str(tmp_path / "qr.png"))
    assert code == 2
    assert why in err


def test_from_a_file(state: Path, tmp_path: Path, say: Say) -> None:
    """A provisioning file enrols; a second time there is nothing to do, and that is no failure."""
    file = tmp_path / "provision.json"
    with serving_aside(FakeCollector()) as there:
        file.write_text(write_provision(Provision(Invitation(there.url, CODE, KEY), "SP-001")))
        assert say("enrol", "--from", str(file))[0] == 0
        code, out, _ = say("enrol", "--from", str(file))
    assert (code, out) == (0, "this device is enrolled already, for anna\n")
    assert there.asked == ["enrolment"]
    assert Home(state).enrolled().subscriber == "anna"


def test_a_refused_code_in_a_file(tmp_path: Path, say: Say) -> None:
    """A code that is refused ends with 2, so that nobody tries for ever."""
    file = tmp_path / "provision.json"
    with serving_aside(FakeCollector()) as there:
        file.write_text(write_provision(Provision(Invitation(there.url, "0" * 10), "SP-001")))
        for _ in range(2):
            code, _, err = say("enrol", "--from", str(file))
            assert code == 2
            assert "not enrolled: this code is not known" in err
    assert there.asked == ["enrolment"]


def test_a_file_that_is_none(tmp_path: Path, say: Say) -> None:
    """A file that is no provisioning file is named, with what is wrong in it."""
    (tmp_path / "x.json").write_text("{}")
    code, _, err = say("enrol", "--from", str(tmp_path / "x.json"))
    assert code == 2
    assert "x.json is no provisioning file: it has no member format" in err
