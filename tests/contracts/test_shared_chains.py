"""The catalog that collectors share keeps its promises, whichever keeps it: PostgreSQL, and the one in memory."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from fakes import postgres
from fakes.catalog import FakeCatalog, FakeChains
from fakes.clock import FakeClock
from fakes.entries import DEVS, KEYS

from collector.catalog.chains import CatalogChains
from collector.errors import AlreadyRunning, BadRequest
from collector.ledger.chains import Standing
from collector.ledger.frame import OF_THE_INDEX, Entry, EntryKind
from collector.ledger.mark import NO_FIRST
from collector.ledger.shared import Change, SharedChains, Stood, room_of
from shared.chain import START, Head

PATIENCE_S = 20
SIGNER = "5" * 64
FIRST, OTHER = "1" * 64, "2" * 64
Open = Callable[[int], SharedChains]


@pytest.fixture(params=["memory", "PostgreSQL"])
def opened(request: pytest.FixtureRequest) -> Iterator[Open]:
    """How the end of a stream's writer is opened, over one catalog."""
    with contextlib.ExitStack() as held:
        if request.param == "memory":
            catalog = FakeCatalog()

            def make(stream: int) -> SharedChains:
                return FakeChains(catalog, stream, SIGNER)

        else:
            address = postgres.shared().database()

            def make(stream: int) -> SharedChains:
                return CatalogChains(address, stream, SIGNER, FakeClock(mono_us=10**9))

        def open_one(stream: int) -> SharedChains:
            one = make(stream)
            held.callback(one.close)
            return one

        yield open_one


def enrolled(number: int, at: Head = START, **changed: object) -> Stood:
    """A device's standing."""
    standing = Standing(KEYS[number].public.spki, at, ("000001.ndjson", 7))
    return replace(Stood(standing, SIGNER), **changed)  # type: ignore[arg-type]


def other(no: int, kind: EntryKind = EntryKind.COMPLAINT) -> Entry:
    """An entry that is no batch."""
    return Entry(no, kind, 5, {"text": f"{no} ü"}, b"x\n", "000001.ndjson", 9)


def confirm(shared: SharedChains, change: Change) -> None:
    """One turn."""
    with shared.turn(change.heads, control=bool(change.others)) as turn:
        turn.confirm(change)


def test_a_stream_is_one_writers(opened: Open) -> None:
    """A stream is taken by one at a time and belongs to one ledger; how far it is confirmed is told to the next."""
    one = opened(1)
    assert one.begin(NO_FIRST) == 0
    with pytest.raises(AlreadyRunning, match="stream"):
        opened(1).begin(NO_FIRST)
    confirm(one, Change({}, [other(1)], 1, FIRST))
    assert opened(2).begin(NO_FIRST) == 0
    one.close()
    two = opened(1)
    assert two.begin(FIRST) == 1
    two.close()
    with pytest.raises(BadRequest, match="stream"):
        opened(1).begin(OTHER)


def test_what_was_confirmed_is_known_to_all(opened: Open) -> None:
    """A device enrolled and a batch accepted at one end are there at the other, with everything that was said of them."""
    one, two = opened(1), opened(2)
    one.begin(NO_FIRST)
    two.begin(NO_FIRST)
    confirm(one, Change({DEVS[0]: enrolled(0)}, [], 1, FIRST))
    with two.turn([DEVS[0], DEVS[1]], control=False) as turn:
        assert turn.stood == {DEVS[0]: enrolled(0)}
        assert turn.no == 0
        gone_on = enrolled(0, Head(1, 4, "a" * 64), stream=2, receipt=b'{"of":"one"}')
        turn.confirm(Change({DEVS[0]: gone_on}, [], 1, OTHER))
    assert one.stood(DEVS[0]) == gone_on
    assert one.stood(DEVS[1]) is None
    frozen = replace(gone_on, standing=replace(gone_on.standing, frozen=True))
    confirm(one, Change({DEVS[0]: frozen}, [], 2, FIRST))
    assert two.stood(DEVS[0]) == frozen


def test_a_turn_that_is_left_changes_nothing(opened: Open) -> None:
    """Without a confirmation everything is as it was, also if the turn ended by an error."""
    one = opened(1)
    one.begin(NO_FIRST)
    with pytest.raises(ZeroDivisionError), one.turn(DEVS, control=True):
        raise ZeroDivisionError
    with one.turn(DEVS, control=True) as turn:
        assert (turn.no, turn.stood, turn.newest(EntryKind.CODE)) == (0, {}, 0)


def test_nobody_changes_what_is_held(opened: Open) -> None:
    """While a device is held by one turn another for it waits, and then sees what became of it."""
    one, two = opened(1), opened(2)
    one.begin(NO_FIRST)
    two.begin(NO_FIRST)
    confirm(one, Change({DEVS[0]: enrolled(0)}, [], 1, FIRST))
    begun, seen = threading.Event(), list[int]()

    def other_end() -> None:
        begun.set()
        with two.turn([DEVS[0]], control=False) as turn:
            seen.append(turn.stood[DEVS[0]].standing.head.batch)

    thread = threading.Thread(target=other_end)
    with one.turn([DEVS[0]], control=False) as turn:
        thread.start()
        assert begun.wait(PATIENCE_S)
        thread.join(0.3)
        assert not seen
        turn.confirm(Change({DEVS[0]: enrolled(0, Head(1, 1, "a" * 64))}, [], 2, FIRST))
    thread.join(PATIENCE_S)
    assert seen == [1]


def test_devices_held_in_any_order(opened: Open) -> None:
    """Ends that want the same devices, named in another order, never wait for each other in a circle."""
    ends = [opened(1), opened(2)]
    for end in ends:
        end.begin(NO_FIRST)
    confirm(ends[0], Change({dev: enrolled(number) for number, dev in enumerate(DEVS)}, [], 1, FIRST))
    done = list[int]()

    def many(end: SharedChains, devs: list[str]) -> None:
        for _ in range(30):
            with end.turn(devs, control=True) as turn:
                done.append(len(turn.stood))

    threads = [
        threading.Thread(target=many, args=(ends[0], list(DEVS))),
        threading.Thread(target=many, args=(ends[1], list(reversed(DEVS)))),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert done == [len(DEVS)] * 60


def test_rooms(opened: Open) -> None:
    """The newest entry of a room counts what any end has written there, and nothing of other rooms."""
    one, two = opened(1), opened(2)
    one.begin(NO_FIRST)
    two.begin(NO_FIRST)
    confirm(one, Change({}, [other(1, EntryKind.CODE), other(2, EntryKind.SUBSCRIBER)], 2, FIRST))
    confirm(two, Change({}, [other(1, EntryKind.COMPLAINT)], 1, OTHER))
    with two.turn([], control=True) as turn:
        codes, lines, complaints = map(turn.newest, (EntryKind.ENROLMENT, EntryKind.IMPORT, EntryKind.COMPLAINT))
        assert 0 < codes < lines < complaints
        assert turn.newest(EntryKind.REFUSED) == 0


def test_a_catalog_that_forgot(opened: Open) -> None:
    """What a ledger tells anew is added, in any order of ledgers; what stands further on stays, and another batch is counted."""
    one, two = opened(1), opened(2)
    assert (one.begin(FIRST), two.begin(OTHER)) == (0, 0)
    first, second = enrolled(0, Head(1, 1, "a" * 64), stream=1), enrolled(0, Head(2, 2, "b" * 64), stream=2)
    only_batches = replace(second, standing=replace(second.standing, spki=b""))
    assert two.fill([(DEVS[0], only_batches)], [other(3)], 4, OTHER) == 0
    assert two.stood(DEVS[0]) is None
    assert one.fill([(DEVS[0], first)], [other(1), other(2)], 2, FIRST) == 0
    assert one.stood(DEVS[0]) == second
    assert one.fill([(DEVS[0], first)], [other(1), other(2)], 2, FIRST) == 0
    forked = enrolled(0, Head(2, 2, "c" * 64), stream=1)
    assert one.fill([(DEVS[0], forked)], [], 3, FIRST) == 1
    assert two.stood(DEVS[0]) == second
    with one.turn([], control=True) as turn:
        assert turn.no == 3
        assert turn.newest(EntryKind.COMPLAINT) == 3


def test_every_kind_has_a_room() -> None:
    """Whatever not only the index knows rests on some kinds, its own among them."""
    assert all(kind in room_of(kind) for kind in EntryKind if kind not in OF_THE_INDEX)
