"""Flaws at each boundary."""

from dataclasses import replace

import pytest

from probe.flaws import FLAW_RULES, HostFacts, cpu_busy_per_mille, flaws

BEFORE = HostFacts("eth0", "other", rx_bytes=0, tx_bytes=0, cpu_busy_us=0, cpu_total_us=0)
SECOND_US = 1_000_000


def after(**changes: object) -> HostFacts:
    """Give the host a quiet second later, but for the changes."""
    quiet = replace(BEFORE, cpu_busy_us=0, cpu_total_us=SECOND_US)
    return replace(quiet, **changes)  # type: ignore[arg-type]


def test_a_system_that_tells_nothing_raises_no_flaw() -> None:
    """What is not known is not a flaw."""
    unknown = HostFacts(None, "other")
    assert flaws(unknown, unknown, 10**6, 0, SECOND_US) == ()
    assert cpu_busy_per_mille(unknown, unknown) is None


def test_rows_are_unique_and_commented() -> None:
    """Every flaw has a name of its own, a comment and a source."""
    assert len({rule.id for rule in FLAW_RULES}) == len(FLAW_RULES)
    assert all(rule.comment and rule.source and rule.threshold for rule in FLAW_RULES)


@pytest.mark.parametrize(("own", "expected"), [(857_143, ()), (857_142, ("cross_traffic",))])
@pytest.mark.parametrize("way", ["rx", "tx"])
def test_a_tenth_of_foreign_bytes_under_load(way: str, own: int, expected: tuple[str, ...]) -> None:
    """Foreign bytes are a flaw above ten per cent of the interface's, in the direction that carried load."""
    facts = after(**{f"{way}_bytes": 1_000_000})
    owns = (own, 0) if way == "rx" else (0, own)
    assert flaws(BEFORE, facts, *owns, SECOND_US) == expected


def test_acknowledgements_of_a_load_are_not_foreign() -> None:
    """The direction opposite to a load is not looked at."""
    assert flaws(BEFORE, after(rx_bytes=1_000_000, tx_bytes=40_000), 960_000, 0, SECOND_US) == ()


@pytest.mark.parametrize(
    ("rx", "tx", "expected"),
    [(8000, 4000, ()), (8001, 0, ("cross_traffic",)), (0, 4001, ("cross_traffic",))],
)
def test_foreign_rates_on_an_idle_line(rx: int, tx: int, expected: tuple[str, ...]) -> None:
    """Beside a latency train, more than 64 kbit/s down or 32 kbit/s up is a flaw."""
    assert flaws(BEFORE, after(rx_bytes=rx + 1050, tx_bytes=tx + 1050), 1000, 1000, SECOND_US) == expected


def test_loopback_counts_everything_twice() -> None:
    """On loopback foreign traffic is not looked for."""
    before, later = replace(BEFORE, kind="loopback"), after(kind="loopback", rx_bytes=10**9)
    assert flaws(before, later, 1000, 1000, SECOND_US) == ("loopback",)


def test_no_way_out_is_no_dead_line() -> None:
    """A test that began without any link is shown, and not held against the line."""
    assert flaws(replace(BEFORE, has_way=False), after(), 0, 0, SECOND_US) == ("no_link",)


@pytest.mark.parametrize(
    ("failure", "status", "expected"),
    [
        ("connection_refused", None, ("peer_fault",)),
        ("connection_reset", None, ()),
        ("generic_timeout_error", None, ()),
        ("http_unexpected_status_code", 499, ()),
        ("http_unexpected_status_code", 500, ("peer_fault",)),
        (None, 200, ()),
    ],
)
def test_faults_of_the_peer(failure: str | None, status: int | None, expected: tuple[str, ...]) -> None:
    """A peer that is there and does not work is a flaw; a line that does not get there is a failure."""
    assert flaws(BEFORE, after(), 0, 0, SECOND_US, failure, status) == expected


def test_a_counter_that_was_set_back_is_not_known() -> None:
    """An interface that came back with its counters at zero raises no flaw by them."""
    assert flaws(replace(BEFORE, rx_bytes=10**9), after(rx_bytes=5), 0, 0, SECOND_US) == ()


@pytest.mark.parametrize(("busy_us", "expected"), [(850_000, ()), (850_001, ("cpu_busy",))])
def test_busy_processors(busy_us: int, expected: tuple[str, ...]) -> None:
    """More than 85 per cent of the processors' time is a flaw."""
    assert flaws(BEFORE, after(cpu_busy_us=busy_us), 0, 0, SECOND_US) == expected


def test_another_link_afterwards() -> None:
    """When the interface changed, its counters are not compared, and the change is the flaw."""
    assert flaws(BEFORE, after(interface="wwan0", rx_bytes=10**9), 0, 0, SECOND_US) == ("link_changed",)


def test_wifi_is_a_flaw() -> None:
    """A test over Wi-Fi does not show the line."""
    assert flaws(BEFORE, after(kind="wifi"), 0, 0, SECOND_US) == ("wifi",)
