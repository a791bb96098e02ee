"""Windows' locks, by a stand-in that refuses and forgets as its manual says."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from probe import home
from probe.errors import AlreadyRunning
from probe.outbox import hold
from probe.platform import ranges
from probe.platform.ranges import SEATS, Seats, leave, take


class FakeMsvcrt:
    """Byte ranges of one file, each held by one handle; unlocked only as they were locked."""

    LK_NBLCK, LK_UNLCK = 2, 0

    def __init__(self) -> None:
        self.held: dict[tuple[int, int], int] = {}

    def locking(self, fd: int, mode: int, nbytes: int, /) -> None:
        """Lock or unlock from where the file stands."""
        at = os.lseek(fd, 0, os.SEEK_CUR)
        if mode == self.LK_UNLCK:
            assert self.held.pop((at, nbytes)) == fd
            return
        if any(start < at + nbytes and at < start + count for start, count in self.held):
            raise PermissionError(13, "Permission denied")
        self.held[at, nbytes] = fd

    def ended(self, fd: int) -> None:
        """What Windows does when a handle is closed."""
        self.held = {where: whose for where, whose in self.held.items() if whose != fd}


Opened = Callable[[], int]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Open one file again and again."""
    handles: list[int] = []

    def open_one() -> int:
        handles.append(os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT))
        return handles[-1]

    yield open_one
    for handle in handles:
        os.close(handle)


def never(_wait_s: float) -> None:
    """Nobody should have to wait here."""
    raise AssertionError


def test_one_at_a_time(opened: Opened) -> None:
    """A range that one handle holds is refused to every other, until it is left or its holder ended."""
    by, one, other = FakeMsvcrt(), opened(), opened()
    take(one, by)
    with pytest.raises(OSError, match="denied"):
        take(other, by)
    leave(one, by)
    take(other, by)
    by.ended(other)
    take(one, by)


def test_the_first_is_alone_until_he_shares(opened: Opened) -> None:
    """Who comes first is alone; whoever comes while others share is not, and the last who comes after all are gone is again."""
    by, handles = FakeMsvcrt(), [opened() for _ in range(4)]
    first = Seats(handles[0], by, never)
    assert first.is_alone
    first.share()
    second = Seats(handles[1], by, never)
    assert not second.is_alone
    second.share()
    by.ended(handles[0])
    assert not Seats(handles[2], by, never).is_alone
    by.ended(handles[1])
    by.ended(handles[2])
    assert Seats(handles[3], by, never).is_alone


def test_whoever_is_alone_is_waited_for(opened: Opened) -> None:
    """While one is alone nobody else gets in; when he shares, the next one does."""
    by = FakeMsvcrt()
    first, waits = Seats(opened(), by, never), []

    def pause(wait_s: float) -> None:
        waits.append(wait_s)
        if len(waits) == 3:
            first.share()

    assert not Seats(opened(), by, pause).is_alone
    assert waits == [ranges.LOOK_S] * 3


def test_the_last_one_is_alone_again(opened: Opened) -> None:
    """Of those who share, the last one who goes is alone; whoever was not has left his seat, and the gate is open."""
    by, handles = FakeMsvcrt(), [opened() for _ in range(3)]
    seats = []
    for handle in handles[:2]:
        seats.append(Seats(handle, by, never))
        seats[-1].share()
    assert not seats[0].is_last()
    assert seats[1].is_last()
    assert seats[1].is_last()
    with pytest.raises(AssertionError):
        Seats(handles[2], by, never)
    by.ended(handles[1])
    assert Seats(handles[2], by, never).is_alone


def test_there_are_seats_for_many(opened: Opened) -> None:
    """As many as there are seats share one file; one more is refused, and leaves the gate open for the next."""
    by = FakeMsvcrt()
    Seats(opened(), by, never).share()
    handles = [opened() for _ in range(SEATS)]
    for handle in handles[:-1]:
        Seats(handle, by, never)
    with pytest.raises(OSError, match="too many"):
        Seats(handles[-1], by, never)
    by.ended(handles[0])
    assert not Seats(handles[-1], by, never).is_alone


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> FakeMsvcrt:
    """A system without `fcntl`, and with what Windows has instead."""
    by = FakeMsvcrt()
    monkeypatch.setattr(ranges, "system", lambda: by)
    for module in (home, hold):
        monkeypatch.setattr(module, "fcntl", None)
    monkeypatch.setattr(home, "_LOOK_S", 0.0)
    return by


def test_one_agent_on_windows(windows: FakeMsvcrt, tmp_path: Path) -> None:
    """Two agents never measure from one folder there either."""
    with home.Home(tmp_path).lock():
        (own,) = windows.held.values()
        with pytest.raises(AlreadyRunning):
            home.Home(tmp_path).lock()
    windows.ended(own)
    with home.Home(tmp_path).lock():
        assert windows.held.keys() == {(ranges.GATE, 1)}


def test_an_outbox_on_windows(windows: FakeMsvcrt, tmp_path: Path) -> None:
    """Whoever opens an outbox first is alone with it until he shares it."""
    first = hold.Hold(tmp_path / "outbox-lock")
    assert first.is_alone
    first.share()
    second = hold.Hold(tmp_path / "outbox-lock")
    assert not second.is_alone
    second.share()
    for one in (first, second):
        one.close()
        one.share()
    assert len(windows.held) == 2


def test_elsewhere_there_is_no_such_module() -> None:
    """Only Windows has it."""
    if os.name != "nt":
        with pytest.raises(ImportError):
            ranges.system()
