"""The log of a run of speedtest-cli: what arrived, when, and how it ended."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.peer.account import End
from collector.peer.errors import BadRequest, Busy, NothingHere, TooLarge
from collector.peer.speedtest_log import LIFE_US, MOST_RUNS, Row, Run, Runs, total
from collector.peer.speedtest_profile import FULL, METERED, POST_BYTES, PROFILES, USUAL_IMAGE_BYTES, config_page
from shared import strictjson


def test_a_direction_without_a_byte_has_no_rate() -> None:
    """Nothing arrived, or all in one moment: the rate is zero and nothing is invented."""
    assert total([]) == {"bytes": 0, "dur_us": 0, "rate_bps": 0}
    assert total([Row("down", 9, 0)]) == {"bytes": 0, "dur_us": 0, "rate_bps": 0}
    row = Row("down", 9, 0)
    row.arrived(9, 5)
    assert total([row]) == {"bytes": 9, "dur_us": 0, "rate_bps": 0}


def test_a_rate_is_from_the_first_byte_to_the_last() -> None:
    """All bytes of a direction count over the time from the first byte of any transfer to the last of any."""
    run = Run(METERED, "http://peer", 1000)
    one, two = run.begin("down", 1000, 1100), run.begin("down", 1000, 1200)
    one.arrived(10, 1500)
    two.arrived(1000, 1600)
    one.arrived(1000, 3500)
    one.ended(200, End.COMPLETE, 3600)
    told = run.told()
    assert told["down"] == {"bytes": 2000, "dur_us": 2000, "rate_bps": 8_000_000}
    assert told["running"] == 1
    assert told["requests"] == [
        {
            "begin_us": 100,
            "bytes": 1000,
            "end": "complete",
            "end_us": 2600,
            "expected_bytes": 1000,
            "first_us": 500,
            "last_us": 2500,
            "status": 200,
            "way": "down",
        },
        {"begin_us": 200, "bytes": 1000, "expected_bytes": 1000, "first_us": 600, "last_us": 600, "way": "down"},
    ]


@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 1000))))
def test_a_count_never_goes_back(steps: list[tuple[int, int]]) -> None:
    """However arrivals are told, a row's bytes only grow, stay within its body, and have times in order."""
    row, now_us, last = Row("up", 1000, 0), 0, 0
    for n_bytes, later_us in steps:
        now_us += later_us
        row.arrived(n_bytes, now_us)
        assert last <= row.n_bytes <= 1000
        assert row.first_us <= row.last_us <= now_us
        last = row.n_bytes


def test_a_run_has_no_more_transfers_than_its_profile() -> None:
    """One image or post too many is refused, so what a run may move is bounded."""
    run = Run(METERED, "", 0)
    for _ in range(METERED.images):
        run.begin("down", 1, 0)
    with pytest.raises(TooLarge):
        run.begin("down", 1, 0)
    for _ in METERED.post_sizes:
        run.begin("up", 1, 0)
    with pytest.raises(TooLarge):
        run.begin("up", 1, 0)


def test_runs_are_found_until_they_expire() -> None:
    """A run is found by its name while it lives, and not before, after, or once it was closed."""
    runs = Runs()
    with pytest.raises(NothingHere):
        runs.find("a", 0)
    run = runs.open("a", METERED, "", 0)
    assert runs.find("a", LIFE_US - 1) is run
    with pytest.raises(NothingHere):
        runs.find("a", LIFE_US)
    runs.close("a")
    runs.close("a")
    with pytest.raises(NothingHere):
        runs.find("a", 0)


def test_runs_are_bounded() -> None:
    """A name is used once, so many runs are open and no more, and those that expired make room."""
    runs = Runs()
    for number in range(MOST_RUNS):
        runs.open(str(number), METERED, "", 0)
    with pytest.raises(BadRequest):
        runs.open("0", METERED, "", 1)
    with pytest.raises(Busy):
        runs.open("more", METERED, "", 1)
    assert runs.open("0", METERED, "", LIFE_US).opened_us == LIFE_US


def test_the_longest_log_is_short() -> None:
    """All that a run can have fits into what a probe reads of it."""
    run = Run(FULL, "", 0)
    for number in range(FULL.images + len(FULL.post_sizes)):
        row = run.begin("down" if number < FULL.images else "up", 31_625_365, 10**8)
        row.arrived(31_625_364, 10**8)
        row.ended(200, End.CLIENT_CLOSED, 10**8)
    assert len(strictjson.encode(run.told())) < 65_536


def test_the_profiles_are_what_the_client_makes_of_them() -> None:
    """Posts are rounded up for each size, as the client does; images are asked for by ten side lengths."""
    assert METERED.post_sizes == POST_BYTES[3:]
    assert (METERED.down_bytes, METERED.up_bytes) == (10_000_000, 9_175_040)
    assert len(FULL.post_sizes) == 51
    assert FULL.down_bytes == 4 * sum(USUAL_IMAGE_BYTES.values())
    assert all(name == profile.name and len(profile.image_bytes) == 10 for name, profile in PROFILES.items())
    assert 'ip="&lt;&quot;"' in config_page(METERED, '<"')
