"""Which kind of service a machine gets, and what is known of it."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from probe.service.choice import Wishes, choose, every, look, wheels
from probe.service.plan import Here, NoService

HERE = Here("linux", 1000, Path("/u"), Path("/u/s"), Path("/opt/p/bin/python"), None, (), "0.1.0", {"USERNAME": "u"})
PHONE = replace(HERE, platform="android", environ={"PREFIX": "/data/data/com.termux/files/usr"})


@pytest.mark.parametrize(
    ("here", "wishes", "kind"),
    [
        (HERE, Wishes(), "this user (systemd)"),
        (replace(HERE, uid=0), Wishes(), "this machine (systemd)"),
        (HERE, Wishes(of_machine=True), "this machine (systemd)"),
        (replace(HERE, uid=0), Wishes(of_machine=False), "this user (systemd)"),
        (PHONE, Wishes(), "Termux"),
        (replace(PHONE, platform="linux"), Wishes(), "Termux"),
        (replace(HERE, platform="darwin"), Wishes(), "launchd"),
        (replace(HERE, platform="win32", uid=None), Wishes(), "Task Scheduler"),
    ],
)
def test_each_machine_has_its_service(here: Here, wishes: Wishes, kind: str) -> None:
    """The platform decides, and on Linux whether it is root who asks; an older Termux calls itself linux."""
    assert kind in choose(here, wishes).kind


@pytest.mark.parametrize(
    ("here", "wishes", "words"),
    [
        (replace(HERE, platform="freebsd14"), Wishes(), "start this from whatever"),
        (replace(HERE, platform="darwin", uid=0), Wishes(), "one user"),
        (PHONE, Wishes(of_machine=True), "one user"),
        (HERE, Wishes(modem=True), "use sudo"),
        (HERE, Wishes(ping=True), "use sudo"),
    ],
)
def test_what_cannot_be_is_said(here: Here, wishes: Wishes, words: str) -> None:
    """A wish that this machine cannot fulfil is refused with what to do instead."""
    with pytest.raises(NoService, match=words):
        choose(here, wishes)


def test_every_kind_is_looked_for() -> None:
    """Whoever removes the probe from a Linux machine learns of both kinds of service, elsewhere of the one there is."""
    assert [service.of_machine for service in every(HERE)] == [True, False]
    assert [service.of_machine for service in every(PHONE)] == [False]
    assert every(replace(HERE, platform="freebsd14")) == ()


def test_what_is_read_of_this_machine() -> None:
    """The service is to run this very interpreter and code, from a state folder named in full."""
    here = look(Path("some/state"))
    assert (here.python, here.platform) == (Path(sys.executable), sys.platform)
    assert here.state == Path.cwd() / "some/state"
    assert Path(__file__).resolve().parents[3] / "probe" in here.places
    assert here.program == (sys.executable, "-P", "-m", "probe")
    assert here.version
    assert here.said


def test_the_wheels_it_came_from(tmp_path: Path) -> None:
    """The file that pip remembers counts while it is there, with what it needs beside it, before what was kept."""
    kept, source = tmp_path / "kept", tmp_path / "a b"
    for folder in (kept, source):
        folder.mkdir()
        (folder / "speedproof-0.1.0-py3-none-any.whl").touch()
    (source / "h11-0.16.0-py3-none-any.whl").touch()
    (source / "other-1-py3-none-any.whl").touch()
    url = json.dumps({"url": (source / "speedproof-0.1.0-py3-none-any.whl").as_uri(), "archive_info": {}})
    found = wheels(url, kept)
    assert sorted(path.name for path in found) == ["h11-0.16.0-py3-none-any.whl", "speedproof-0.1.0-py3-none-any.whl"]
    assert {path.parent for path in found} == {source}
    for other in (
        "",
        "{}",
        "junk",
        json.dumps({"url": "https://a.example/speedproof-0.1.0.whl"}),
        url.replace("0.1.0", "9"),
    ):
        assert [path.parent for path in wheels(other, kept)] == [kept]
    assert wheels("", tmp_path / "none") == ()
