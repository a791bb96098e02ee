"""Bad for a while, and good again: one confirming test for an episode, recovery noted once, nothing judged by flaws."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.events import LEAST_HISTORY, MOST_HISTORY, Event, Watch
from shared.strictjson import JsonObject

GOOD: JsonObject = {"method": "fetch", "plan": "icon", "end": "ok", "received_bytes": 50_000, "dur_us": 400_000,
                    "first_byte_us": 100_000, "t_us": [0, 400_000], "bytes": [0, 50_000]}  # fmt: skip
FAILED: JsonObject = {"method": "fetch", "plan": "icon", "end": "failed", "failure": "eof_error"}
NO_LINK: JsonObject = FAILED | {"flaws": ["no_link"]}
HELD: JsonObject = {"method": "fetch", "plan": "icon", "end": "not_started", "reason": "paused"}


def rtt(median_us: int) -> JsonObject:
    """A latency result with this median."""
    return {"method": "latency", "plan": "quick", "end": "ok", "rtt_us": [median_us] * 5, "sent": 5}


def after(watch: Watch, *slots: JsonObject) -> tuple[Watch, list[Event]]:
    """What happens over so many slots of one result each, a second apart, with a restart between any two."""
    events = []
    for number, one in enumerate(slots):
        watch, event = Watch.read(watch.write()).seen([one], number * 1_000_000)
        events += [event] if event else []
    return watch, events


def test_three_in_a_row_ask_for_one_confirmation() -> None:
    """The third bad slot in a row does, and no later one of the same episode; three good ones end it, once."""
    watch, events = after(Watch(), GOOD, FAILED, FAILED, GOOD, FAILED, FAILED, FAILED, FAILED, FAILED)
    assert events == ["confirm"]
    assert watch.since_us == 4_000_000
    watch, events = after(watch, GOOD, GOOD, FAILED, GOOD, GOOD, GOOD, GOOD, GOOD)
    assert events == ["recovered"]
    assert watch.since_us is None
    assert after(watch, FAILED, FAILED, FAILED)[1] == ["confirm"]


def test_what_says_nothing_of_the_line_changes_nothing() -> None:
    """Slots that were held back, cut off or flawed neither make an episode nor end one."""
    unclear = [
        NO_LINK,
        HELD,
        {"method": "fetch", "end": "aborted"},
        {"method": "path", "end": "failed"},
        GOOD | {"flaws": ["wifi"]},
    ]
    watch, events = after(Watch(), FAILED, *unclear, FAILED, *unclear, FAILED)
    assert events == ["confirm"]
    assert after(watch, *unclear)[1] == []


@pytest.mark.parametrize(("median_us", "event"), [(160_000, []), (160_001, ["confirm"])])
def test_slow_against_what_is_usual(median_us: int, event: list[Event]) -> None:
    """Four times the usual round trip is not yet slow; anything above it is."""
    used_to, _ = after(Watch(), *[rtt(40_000)] * LEAST_HISTORY)
    assert after(used_to, *[rtt(median_us)] * 3)[1] == event


def test_a_quarter_of_the_usual_rate_is_slow() -> None:
    """A rate below a quarter of the usual median is slow."""
    used_to, _ = after(Watch(), *[GOOD] * LEAST_HISTORY)
    slow = GOOD | {"dur_us": 4_100_000, "t_us": [0, 4_100_000], "first_byte_us": 100_000}
    assert after(used_to, *[slow] * 3)[1] == ["confirm"]


def test_without_a_history_nothing_is_slow() -> None:
    """What is usual is not known before eight results."""
    used_to, _ = after(Watch(), *[rtt(40_000)] * (LEAST_HISTORY - 1))
    assert after(used_to, *[rtt(4_000_000)])[0].bad == 0


def test_bad_slots_teach_nothing() -> None:
    """However long it is bad, what is usual stays what it was."""
    used_to, _ = after(Watch(), *[rtt(40_000)] * LEAST_HISTORY)
    watch, _ = after(used_to, *[rtt(1_000_000)] * 100)
    assert watch.usual == used_to.usual


def test_most_packets_lost_is_bad() -> None:
    """A train whose median packet was lost is bad without any history."""
    lost: JsonObject = {"method": "latency", "plan": "quick", "end": "ok", "rtt_us": [-1, -1, 5], "sent": 3}
    assert after(Watch(), lost)[0].bad == 1


@given(st.lists(st.sampled_from([GOOD, FAILED, NO_LINK, HELD, rtt(40_000), rtt(900_000)]), max_size=80))
def test_confirmation_and_recovery_take_turns(slots: list[JsonObject]) -> None:
    """Whatever happens, an episode is confirmed once, then recovers once; the memory stays bounded."""
    watch, events = after(Watch(), *slots)
    assert all(one != other for one, other in itertools.pairwise(events))
    assert events[:1] in ([], ["confirm"])
    assert all(len(figures) <= MOST_HISTORY for _, figures in watch.usual)


@pytest.mark.parametrize(
    "kept", [None, b"", b"{", b'{"bad":true,"usual":3}', json.dumps({"usual": {"a": "b"}}).encode()]
)
def test_a_memory_that_cannot_be_read(kept: bytes | None) -> None:
    """It is begun anew."""
    assert Watch.read(kept) == Watch()
