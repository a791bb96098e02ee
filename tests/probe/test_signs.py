"""Signs of life between two tests: what is worth a record, and that no line, however bad, fills the outbox."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from probe.presence import Moment
from probe.signs import QUIET_US, SILENCE_US, STEADY_US, STEPPED_US, Signs
from probe.surroundings import Link
from shared.strictjson import JsonObject

LOOK_US = 5_000_000
HOUR_US = 3_600_000_000
UP, DOWN = Link("wwan0", "cellular"), Link(None, "other", has_way=False)
START = Moment(1_800_000_000_000_000, 1_000_000_000, "boot", awake_us=1_000_000_000)


@dataclass
class Life:
    """A device whose clocks are moved by hand; every record that is made is kept."""

    now: Moment = START
    signs: Signs = field(default_factory=lambda: Signs(START.mono_us))
    made: list[JsonObject] = field(default_factory=list)

    def pass_by(self, passed_us: int = LOOK_US, *, slept_us: int = 0, step_us: int = 0) -> None:
        """Let time pass, of which the device sleeps some, and let the wall clock be set."""
        now = self.now
        awake_us = None if now.awake_us is None else now.awake_us + passed_us
        mono_us = now.mono_us + passed_us + slept_us
        self.now = replace(
            now, wall_us=now.wall_us + passed_us + slept_us + step_us, mono_us=mono_us, awake_us=awake_us
        )

    def look(self, link: Link = UP) -> tuple[JsonObject, ...]:
        """Look once."""
        made = self.signs.seen(self.now, link)
        self.made.extend(made)
        return made

    def go_on(self, for_us: int, link: Link = UP) -> list[JsonObject]:
        """Look every few seconds; what that made."""
        before = len(self.made)
        for _ in range(for_us // LOOK_US):
            self.pass_by()
            self.look(link)
        return self.made[before:]


def events(made: Iterable[JsonObject]) -> list[str]:
    """The names of what was made."""
    return [str(one["event"]) for one in made]


def test_a_link_that_is_gone_from_the_start() -> None:
    """A device that wakes without a link says so once that has lasted, and since when."""
    life = Life()
    life.look(DOWN)
    (told,) = life.go_on(HOUR_US // 2, DOWN)
    assert (told["event"], told["since_wall_us"], told["since_mono_us"]) == (
        "link_lost",
        START.wall_us,
        START.mono_us,
    )
    assert "interface" not in told


def test_a_link_that_comes_back() -> None:
    """Loss and return are each told once, each with the moment at which it began."""
    life = Life()
    life.go_on(60_000_000)
    assert events(life.go_on(120_000_000, DOWN)) == ["link_lost"]
    back_us = life.now.mono_us + LOOK_US
    (told,) = life.go_on(120_000_000)
    assert (told["event"], told["since_mono_us"], told["interface"]) == ("link_back", back_us, "wwan0")


def test_a_short_gap_is_no_loss() -> None:
    """What is over before it has lasted is no record, but is told with the next one."""
    life = Life()
    life.look()
    assert life.go_on(STEADY_US - LOOK_US, DOWN) == []
    assert life.go_on(60_000_000) == []
    (told,) = life.go_on(STEADY_US + LOOK_US, DOWN)
    assert (told["flaps"], told["flapped_us"]) == (1, STEADY_US - LOOK_US)


def test_a_link_that_only_flaps_is_told_hourly() -> None:
    """A link that never stays for long makes one record an hour, with every change and how long it was away."""
    life = Life()
    life.look()
    for _ in range(3 * HOUR_US // (2 * LOOK_US)):
        life.go_on(LOOK_US, DOWN)
        life.go_on(LOOK_US)
    told = [one for one in life.made if one["event"] == "link_flapped"]
    assert set(events(life.made)) == {"alive", "link_flapped"}
    assert len(told) <= len(life.made) <= 4
    assert told[0]["flaps"] == int(str(told[0]["flapped_us"])) // LOOK_US > 300


def test_sleep() -> None:
    """Time the device slept through is told when it wakes, and when it fell asleep."""
    life = Life()
    life.look()
    asleep = life.now
    life.pass_by(slept_us=7 * HOUR_US)
    (told,) = life.look()
    assert told == {
        "event": "resumed",
        "method": "presence",
        "slept_us": 7 * HOUR_US,
        "since_mono_us": asleep.mono_us,
        "since_wall_us": asleep.wall_us,
        "ver": 1,
    }


def test_a_doze_is_added_up() -> None:
    """A phone that dozes off again and again makes few records, and no sleep is lost in between."""
    life = Life()
    life.look()
    for _ in range(40):
        life.pass_by(slept_us=60_000_000)
        life.look()
    life.go_on(QUIET_US)
    slept = [one for one in life.made if one["event"] == "resumed"]
    assert len(slept) <= 1 + 40 * 65_000_000 // QUIET_US + 1
    assert sum(int(str(one["slept_us"])) for one in slept) == 40 * 60_000_000
    assert sum(int(str(one.get("times", 1))) for one in slept) == 40


def test_where_sleep_cannot_be_told_nothing_is_claimed() -> None:
    """Without a clock that stops in sleep there is no sleep to speak of."""
    life = Life(now=replace(START, awake_us=None))
    life.look()
    life.pass_by(slept_us=HOUR_US // 2)
    assert life.look() == ()


def test_a_clock_that_was_set() -> None:
    """A step of the wall clock is told with its size and direction, and slow slewing is not."""
    life = Life()
    life.look()
    life.pass_by(step_us=-5 * HOUR_US)
    (told,) = life.look()
    assert (told["event"], told["step_us"]) == ("clock_stepped", -5 * HOUR_US)
    life.pass_by(step_us=STEPPED_US - 1)
    assert life.look() == ()


def test_an_hour_of_quiet() -> None:
    """If nothing at all is recorded for an hour there is a sign of life, and none while there are records."""
    life = Life()
    assert events(life.go_on(2 * HOUR_US + QUIET_US)) == ["alive", "alive"]
    life.signs.recorded(life.now.mono_us)
    assert life.go_on(SILENCE_US - LOOK_US) == []
    assert life.go_on(LOOK_US)[0]["state"] == "waiting"


@given(
    st.lists(
        st.tuples(
            st.integers(1, 40_000_000),
            st.sampled_from([0, 0, 0, 60_000_000, HOUR_US]),
            st.sampled_from([0, 0, 0, 5_000_000, -HOUR_US]),
            st.booleans(),
        ),
        max_size=200,
    )
)
def test_no_line_fills_the_outbox(steps: list[tuple[int, int, int, bool]]) -> None:
    """Whatever happens, each event is told at most once in a quiet time, and loss and return take turns."""
    life, times = Life(), list[tuple[str, int]]()
    life.look()
    for passed_us, slept_us, step_us, lost in steps:
        life.pass_by(passed_us, slept_us=slept_us, step_us=step_us)
        times += [(str(one["event"]), life.now.mono_us) for one in life.look(DOWN if lost else UP)]
    for event in Counter(name for name, _ in times):
        at_us = [mono_us for name, mono_us in times if name == event]
        assert all(after - before >= QUIET_US for before, after in pairwise(at_us))
    turns = [name for name, _ in times if name in {"link_lost", "link_back"}]
    assert turns == ["link_lost", "link_back"] * (len(turns) // 2) + ["link_lost"] * (len(turns) % 2)
