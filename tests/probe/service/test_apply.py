"""Installing and removing, in a folder: files whole, commands in their order, and words for whatever does not work."""

import stat
from pathlib import Path

import pytest

from probe.service import apply
from probe.service.plan import File, NoService, Service, Step


class Commands:
    """Take commands and run none; those named fail."""

    def __init__(self, *failing: str) -> None:
        self.failing, self.ran = failing, list[str]()

    def __call__(self, command: tuple[str, ...]) -> str | None:
        """Note a command."""
        self.ran.append(command[0])
        return "refused" if command[0] in self.failing else None


@pytest.fixture
def service(tmp_path: Path) -> Service:
    """Give a service in a folder, with one part that was not asked for."""
    return Service(
        kind="a service for tests",
        files=(File(tmp_path / "etc/one", b"1"), File(tmp_path / "private/two", b"2", 0o700)),
        state=tmp_path / "state",
        start=(Step(("reload",)), Step(("hurry",), may_fail=True), Step(("begin",))),
        stop=(Step(("end",), may_fail=True),),
        settle=(Step(("forget",)),),
        look=Step(("sh", "-c", "echo well; echo 'not so well' >&2; exit 3")),
        advice=(),
        parts=(tmp_path / "etc/part",),
    )


def test_files_come_before_commands(service: Service, tmp_path: Path) -> None:
    """Every file is written, for whom it is meant whatever the process's mask, before the first command runs."""
    commands = Commands("hurry")
    assert apply.install(service, commands) == ["hurry: refused"]
    assert commands.ran == ["reload", "hurry", "begin"]
    modes = {
        name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("etc", "etc/one", "private", "private/two")
    }
    assert modes == {"etc": 0o755, "etc/one": 0o644, "private": 0o700, "private/two": 0o700}
    assert sorted(one.name for one in tmp_path.rglob("*") if one.is_file()) == ["one", "two"]


def test_what_must_work_ends_it(service: Service) -> None:
    """A command that may not fail ends the installation, with its own words; installing again is the way on."""
    commands = Commands("reload")
    with pytest.raises(NoService, match="reload: refused"):
        apply.install(service, commands)
    assert commands.ran == ["reload"]
    assert apply.install(service, Commands()) == []


@pytest.mark.parametrize("way", ["needs", "obstacle"])
def test_nothing_is_written_where_it_cannot_work(way: str, service: Service, tmp_path: Path) -> None:
    """Where a program is missing, or the service could not start, that is said before anything is written."""
    told = (
        {"needs": (("no-such-program", "start it yourself"),)} if way == "needs" else {"obstacle": "start it yourself"}
    )
    fields = {name: getattr(service, name) for name in Service.__slots__}
    with pytest.raises(NoService, match="start it yourself"):
        apply.install(Service(**(fields | told)), Commands())
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_named(service: Service, tmp_path: Path) -> None:
    """What stands in the way of a file is said with its name."""
    (tmp_path / "etc").touch()
    with pytest.raises(NoService, match="etc/one cannot be written"):
        apply.install(service, Commands())


def test_removal_takes_all_parts_and_nothing_else(service: Service, tmp_path: Path) -> None:
    """Parts of an earlier installation go too; state and strangers' files stay, and a second removal does nothing."""
    apply.install(service, Commands())
    (tmp_path / "etc/part").touch()
    (tmp_path / "etc/foreign").touch()
    (tmp_path / "state").mkdir()
    commands = Commands("end")
    gone = apply.remove(service, commands)
    assert [Path(name).name for name in gone] == ["one", "two", "part"]
    assert commands.ran == ["end", "forget"]
    assert (tmp_path / "etc/foreign").exists()
    assert (tmp_path / "state").exists()
    assert apply.remove(service, commands) == []
    assert commands.ran == ["end", "forget"]


def test_a_file_that_cannot_be_removed_is_named(service: Service, tmp_path: Path) -> None:
    """What could not be taken away is said; the service does not count as removed."""
    apply.install(service, Commands())
    (tmp_path / "etc/one").unlink()
    (tmp_path / "etc/one").mkdir()
    with pytest.raises(NoService, match="etc/one cannot be removed"):
        apply.remove(service, Commands())


def test_the_systems_own_words_are_shown(service: Service) -> None:
    """What the system says of the service is shown as it is, whatever its exit code; a missing command is a line."""
    assert apply.seen(service.look) == ["well", "not so well"]
    assert apply.seen(Step(("no-such-program",)))[0].startswith("no-such-program: ")


def test_commands_fail_in_words() -> None:
    """A command that is missing, fails or says nothing gives words, never an exception."""
    assert apply.run(("true",)) is None
    assert apply.run(("no-such-program", "x")) == "no-such-program is not here"
    assert apply.run(("sh", "-c", "echo '  no   way ' >&2; exit 2")) == "no way"
    assert apply.run(("sh", "-c", "exit 2")) == "sh ended with 2"
    assert str(apply.run((str(Path(__file__)),))).startswith(str(Path(__file__)))
