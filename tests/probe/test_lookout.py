"""When a device looks round, for whom, and what it remembers of it."""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from fakes.clock import FakeClock
from fakes.host import FakeHost
from fakes.seen import QUIET, WWAN

from probe import lookout as tested
from probe.facts import HostFacts, Lull
from probe.lookout import DATED_US, FRESH_US, Lookout, look_nowhere
from probe.net.address import PeerAddress
from probe.surroundings import Link, Surroundings

PEER = PeerAddress("http://127.0.0.1:9", "127.0.0.1", 9, "peer")


class Eyes:
    """Looks round, and says how often; each look takes its time."""

    def __init__(self, clock: FakeClock, *, synced: bool | None = None, took_us: int = 0) -> None:
        """Take what the looks tell and how long they take."""
        self.clock, self.synced, self.took_us = clock, synced, took_us
        self.looks: list[tuple[str | None, bool]] = []

    async def __call__(self, interface: str | None, has_way: bool) -> Surroundings:
        """Look once."""
        self.looks.append((interface, has_way))
        self.clock.advance(self.took_us)
        return Surroundings(Link(interface, metered=len(self.looks) > 1), synced=self.synced)


@pytest.fixture(autouse=True)
def host(monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    """Give a quiet host, at which nobody looks for long."""
    monkeypatch.setattr(tested, "LOOK_S", 0)
    return FakeHost(QUIET).put(monkeypatch)


@pytest.fixture
def clock() -> FakeClock:
    """Give a clock."""
    return FakeClock()


async def test_tests_that_load_nothing_share_a_look(clock: FakeClock) -> None:
    """A light test takes a look that is less than a minute old, before it and after it; a glance does so too."""
    eyes = Eyes(clock)
    out = Lookout(PEER, clock, look=eyes)
    before, lull = await out.before(loads=False)
    clock.advance(FRESH_US - 1)
    after = await out.after(loads=False)
    assert (len(eyes.looks), lull) == (1, None)
    assert before.around is after.around is await out.glance()
    assert (after.mono_us - before.mono_us, after.wall_us - before.wall_us) == (FRESH_US - 1, FRESH_US - 1)
    clock.advance(1)
    assert (await out.before(loads=False))[0].around.link.metered is True


async def test_a_load_is_looked_at_afresh_on_both_sides(clock: FakeClock) -> None:
    """Before and after a test that loads the line nothing is remembered; the looks' own time is not the test's."""
    eyes = Eyes(clock, took_us=9_000_000)
    out = Lookout(PEER, clock, look=eyes)
    before, lull = await out.before(loads=True)
    clock.advance(10_000_000)
    after = await out.after(loads=True)
    assert len(eyes.looks) == 2
    assert lull is not None
    assert after.mono_us - before.mono_us == 10_000_000


async def test_another_link_is_looked_at_afresh(clock: FakeClock, host: FakeHost) -> None:
    """A look at one interface is not taken for one at another, and a look is told which it is and whether it leads out."""
    eyes = Eyes(clock)
    host.facts[:] = [QUIET, replace(WWAN, has_way=False)]
    out = Lookout(PEER, clock, look=eyes)
    await out.before(loads=False)
    assert (await out.after(loads=False)).kind == "cellular"
    assert eyes.looks == [("eth0", True), ("wwan0", False)]


async def test_a_pinned_lookout_asks_by_its_interface(clock: FakeClock, host: FakeHost) -> None:
    """Where tests are pinned, the host's facts are those of that interface."""
    await Lookout(PEER, clock, pinned="wwan0").glance()
    assert host.asked == ["wwan0"]


async def test_a_glance_raises_nothing(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device without a thread to spare sees nothing, and whoever glanced goes on."""

    def refuse(_self: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("threading.Thread.start", refuse)
    around = await Lookout(PEER, clock).glance()
    assert around == Surroundings(troubles=("this device has no thread to spare",))


async def test_the_null_look_says_so() -> None:
    """Whoever looks nowhere sees nothing but what it was told, and the record shows it."""
    around = await look_nowhere("eth0", has_way=True)
    assert (around.link, around.troubles) == (Link("eth0"), ("nobody looked round",))


@pytest.mark.parametrize(
    ("first", "then", "later_us", "dated"),
    [
        (True, False, DATED_US - 1, True),
        (True, False, DATED_US, False),
        (False, False, FRESH_US, False),
        (None, None, FRESH_US, None),
        (None, False, FRESH_US, False),
        (True, None, FRESH_US, None),
        (False, True, FRESH_US, True),
    ],
)
async def test_a_clock_once_set_stays_right_for_a_week(
    clock: FakeClock, first: bool | None, then: bool | None, later_us: int, dated: bool | None
) -> None:
    """In an outage no time server answers, and the clock that one has set is still to be believed; not for ever."""
    eyes = Eyes(clock, synced=first)
    out = Lookout(PEER, clock, look=eyes)
    assert out.synced is None
    await out.glance()
    assert out.synced is first
    eyes.synced = then
    clock.advance(later_us)
    assert (await out.before(loads=False))[0].dated is dated
    assert (await out.after(loads=True)).dated is dated


async def test_a_resolver_that_is_stuck_does_not_hold_up_the_test(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the peer's name is not found in time, the facts are those of the way to anywhere."""
    monkeypatch.setattr(tested, "HOST_S", 0.02)
    monkeypatch.setattr(tested, "facts_on_the_way_to", lambda *_: time.sleep(0.2))
    monkeypatch.setattr(tested, "facts_on_any_way", lambda pinned: replace(WWAN, interface=pinned))
    monkeypatch.setattr(tested, "snapshot", lambda interface: replace(WWAN, interface=interface))
    assert (await Lookout(PEER, clock, pinned="wwan1").before(loads=False))[0].host.interface == "wwan1"


def counting(clock: FakeClock, *per_stretch: int | None) -> Callable[[str | None], HostFacts]:
    """A host whose received bytes grow at each look, differently in each second of ten looks; None is not told."""
    looks, total = 0, 0

    def snapshot(_interface: str | None) -> HostFacts:
        nonlocal looks, total
        stretch = per_stretch[min(looks // 11, len(per_stretch) - 1)]
        if looks % 11:
            clock.advance(100_000)
            total += stretch or 0
        looks += 1
        return replace(QUIET, rx_bytes=None if stretch is None else total)

    return snapshot


@pytest.mark.parametrize(
    ("per_stretch", "lull", "took_s"),
    [
        ((0,), Lull(1_000_000, 0, 0, 1_000_000), 1),
        ((800,), Lull(1_000_000, 8_000, 0, 0), 1),
        ((90_000, 0), Lull(1_000_000, 0, 0, 1_000_000), 2),
        ((90_000, 801, 90_000), Lull(1_000_000, 900_000, 0, 0), 3),
        ((None,), Lull(1_000_000, None, None, None), 1),
    ],
)
async def test_the_line_is_watched_until_it_is_still(
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    per_stretch: tuple[int | None, ...],
    lull: Lull,
    took_s: int,
) -> None:
    """What drains from the line's queues is waited for, three seconds at most; the last second is what counts."""
    monkeypatch.setattr(tested, "snapshot", counting(clock, *per_stretch))
    start_us = clock.mono_us()
    _, seen = await Lookout(PEER, clock).before(loads=True)
    assert seen == lull
    assert clock.mono_us() - start_us == took_s * 1_000_000


async def test_since_when_nothing_crossed_the_link(clock: FakeClock, host: FakeHost) -> None:
    """A test says for how long nothing had crossed the link, as far as somebody looked; whatever crosses it begins anew."""
    out = Lookout(PEER, clock)
    await out.glance()
    out.notice()
    clock.advance(300_000_000)
    _, lull = await out.before(loads=True)
    assert lull is not None
    assert lull.quiet_us == 300_000_000
    host.facts[-1] = replace(host.facts[-1], rx_bytes=(host.facts[-1].rx_bytes or 0) + 60)
    await out.glance()
    out.notice()
    clock.advance(7_000_000)
    _, lull = await out.before(loads=True)
    assert lull is not None
    assert lull.quiet_us == 7_000_000
