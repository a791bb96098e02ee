"""Flaws at each boundary."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from fakes.seen import LTE, MOBILE, QUIET, SECOND_US, WWAN, moment, on, seen
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.facts import HostFacts, Lull, Moment, Seen, cpu_busy_per_mille
from probe.flaws import FLAW_RULES, SHAPERS, flaws
from probe.surroundings import Cell, Link, Power, Radio, Surroundings, Technology

MIB = 1_048_576
STILL = Lull(SECOND_US, 0, 0, SECOND_US, 0)


def found(one: Seen) -> tuple[str, ...]:
    """Name the flaws of a test that is marked whether or not it loads the line: only rows of every test hold then."""
    names = flaws(replace(one, loads=False))
    assert set(names) <= set(flaws(replace(one, loads=True)))
    return names


def found_under_load(one: Seen) -> tuple[str, ...]:
    """Name the flaws of a test that loads the line, of which a test that does not would have none."""
    assert flaws(replace(one, loads=False)) == ()
    return flaws(replace(one, loads=True))


def test_a_system_that_tells_nothing_raises_no_flaw() -> None:
    """What is not known is not a flaw."""
    mute = moment(HostFacts(None, "other"))
    one = replace(
        seen(mute, mute), own_rx_bytes=10**6, own_tx_bytes=0, loads=True, lull=Lull(SECOND_US, None, None, None)
    )
    assert flaws(one) == ()
    assert cpu_busy_per_mille(mute.host, mute.host) is None


def test_rows_are_unique_and_commented() -> None:
    """Every flaw has a name of its own, a comment and a source."""
    assert len({rule.id for rule in FLAW_RULES}) == len(FLAW_RULES)
    assert all(rule.comment and rule.source and rule.threshold for rule in FLAW_RULES)


@pytest.mark.threat("T10")
@pytest.mark.parametrize(("own", "expected"), [(857_143, ()), (857_142, ("cross_traffic",))])
@pytest.mark.parametrize("way", ["rx", "tx"])
def test_a_tenth_of_foreign_bytes_under_load(way: str, own: int, expected: tuple[str, ...]) -> None:
    """Foreign bytes are a flaw above ten per cent of the interface's, in the direction that carried load."""
    one = seen(**{f"{way}_bytes": 1_000_000})
    owns = (own, 0) if way == "rx" else (0, own)
    assert found(replace(one, own_rx_bytes=owns[0], own_tx_bytes=owns[1])) == expected


def test_acknowledgements_of_a_load_are_not_foreign() -> None:
    """The direction opposite to a load is not looked at."""
    assert found(replace(seen(rx_bytes=1_000_000, tx_bytes=40_000), own_rx_bytes=960_000, own_tx_bytes=0)) == ()


@pytest.mark.parametrize(
    ("rx", "tx", "expected"),
    [(8000, 4000, ()), (8001, 0, ("cross_traffic",)), (0, 4001, ("cross_traffic",))],
)
def test_foreign_rates_on_an_idle_line(rx: int, tx: int, expected: tuple[str, ...]) -> None:
    """Beside a latency train, more than 64 kbit/s down or 32 kbit/s up is a flaw."""
    one = seen(rx_bytes=rx + 1050, tx_bytes=tx + 1050)
    assert found(replace(one, own_rx_bytes=1000, own_tx_bytes=1000)) == expected


def test_loopback_counts_everything_twice() -> None:
    """On loopback foreign traffic is not looked for, neither beside a test nor before it."""
    lo = replace(QUIET, interface="lo", kind="loopback")
    one = seen(moment(lo), moment(replace(lo, rx_bytes=10**9), after_us=SECOND_US))
    busy = replace(one, own_rx_bytes=1000, own_tx_bytes=1000, lull=Lull(SECOND_US, 10**9, 10**9, 0))
    assert flaws(replace(busy, loads=True)) == ("loopback",)


def test_no_way_out_is_no_dead_line() -> None:
    """A test that began without any link, or ended without, is shown, and not held against the line."""
    away = moment(replace(QUIET, has_way=False))
    assert found(seen(away)) == ("no_link",)
    assert found(seen(away, away)) == ("no_link",)
    assert found(seen(after=away)) == ("link_lost",)


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
    assert found(replace(seen(), failure=failure, status=status)) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"settled_us": 6_000_000}, ()),
        ({"settled_us": 5_999_999}, ("short_window",)),
        ({"gap_per_mille": 200}, ()),
        ({"gap_per_mille": 201}, ("client_gap",)),
    ],
)
def test_figures_that_cannot_be_relied_on(change: dict[str, int], expected: tuple[str, ...]) -> None:
    """Less than 6 s of a long transfer, and a client more than a fifth off, are flaws."""
    assert found(replace(seen(), **change)) == expected  # type: ignore[arg-type]


def test_a_counter_that_was_set_back_is_not_known() -> None:
    """An interface that came back with its counters at zero raises no flaw by them."""
    one = seen(moment(replace(QUIET, rx_bytes=10**9)), moment(replace(QUIET, rx_bytes=5), after_us=SECOND_US))
    assert found(replace(one, own_rx_bytes=0, own_tx_bytes=0)) == ()


@pytest.mark.parametrize(("busy_us", "expected"), [(850_000, ()), (850_001, ("cpu_busy",))])
def test_busy_processors(busy_us: int, expected: tuple[str, ...]) -> None:
    """More than 85 per cent of the processors' time is a flaw."""
    assert found(seen(cpu_busy_us=busy_us)) == expected


def test_a_moment_is_too_short_to_tell_how_busy_the_processors_were() -> None:
    """Below twenty of the system's ticks nothing is said of the processors."""
    for total_us, expected in ((199_999, ()), (200_000, ("cpu_busy",))):
        assert found(seen(cpu_busy_us=total_us, cpu_total_us=total_us)) == expected


@pytest.mark.parametrize(("busy_pm", "expected"), [(850, ()), (851, ("cpu_busy_before",))])
def test_processors_busy_before(busy_pm: int, expected: tuple[str, ...]) -> None:
    """More than 85 per cent in the second before a load is a flaw."""
    assert found_under_load(replace(seen(), lull=replace(STILL, cpu_busy_per_mille=busy_pm))) == expected


@pytest.mark.parametrize(
    ("rx", "tx", "expected"),
    [(8000, 4000, ()), (8001, 0, ("cross_traffic_before",)), (0, 4001, ("cross_traffic_before",))],
)
def test_traffic_before_a_load(rx: int, tx: int, expected: tuple[str, ...]) -> None:
    """More than 64 kbit/s down or 32 kbit/s up before a load is a flaw."""
    assert found_under_load(replace(seen(), lull=replace(STILL, rx_bytes=rx, tx_bytes=tx))) == expected


@pytest.mark.parametrize(("busy_us", "expected"), [(899_000, ()), (900_000, ("cpu_core_busy",))])
@pytest.mark.parametrize("whose", ["a core's", "our own"])
def test_one_core_that_is_full(whose: str, busy_us: int, expected: tuple[str, ...]) -> None:
    """A core with 90 per cent of work, or as much work of this program's, is a flaw under load."""
    cores = ((10, SECOND_US), (busy_us, SECOND_US)) if whose == "a core's" else ((0, SECOND_US), (0, SECOND_US))
    one = seen(cores=cores, own_cpu_us=busy_us if whose == "our own" else 0)
    assert found_under_load(one) == expected


def test_cores_that_come_and_go_are_not_compared() -> None:
    """A phone that switches cores off raises no flaw by them."""
    assert found_under_load(seen(cores=((SECOND_US, SECOND_US),))) == ()


@pytest.mark.parametrize(
    ("free", "whole", "expected"),
    [
        (128 * MIB, 1024 * MIB, ()),
        (128 * MIB - 1, 1024 * MIB, ("memory_low",)),
        (128 * MIB - 1, None, ("memory_low",)),
        (200 * MIB, 4000 * MIB, ()),
        (200 * MIB - 1, 4000 * MIB, ("memory_low",)),
        (200 * MIB - 1, None, ()),
        (None, 4000 * MIB, ()),
    ],
)
def test_memory(free: int | None, whole: int | None, expected: tuple[str, ...]) -> None:
    """Less than 128 MiB free, or more than 95 per cent in use, is a flaw under load."""
    assert found_under_load(seen(memory_available_bytes=free, memory_total_bytes=whole)) == expected


def test_another_link_afterwards() -> None:
    """When the interface changed, its counters are not compared, and the change is the flaw; an unknown one is no other."""
    one = replace(seen(interface="wwan0", rx_bytes=10**9), own_rx_bytes=0, own_tx_bytes=0)
    assert found(one) == ("link_changed",)
    assert found(replace(seen(interface=None, rx_bytes=None), own_rx_bytes=0, own_tx_bytes=0)) == ()


@pytest.mark.parametrize("told_by", ["name", "look"])
def test_wifi_is_a_flaw(told_by: str) -> None:
    """A test over Wi-Fi does not show the line, whoever told that it was Wi-Fi; and it is never taken for mobile."""
    if told_by == "name":
        wifi = moment(replace(QUIET, kind="wifi"), Surroundings(Link("eth0", "cellular"), MOBILE))
    else:
        wifi = moment(
            replace(QUIET, kind="cellular"), Surroundings(Link("eth0", "wifi"), replace(MOBILE, interface="eth0"))
        )
    assert not wifi.is_mobile
    assert found(seen(after=wifi)) == ("wifi",)
    assert found(seen(before=wifi)) == ("wifi",)


def test_a_look_at_another_link_says_nothing_of_this_one() -> None:
    """What was told of an interface that packets do not leave by is not taken for theirs."""
    assert found(seen(after=moment(QUIET, Surroundings(Link("wlan0", "wifi")), after_us=SECOND_US))) == ()


@pytest.mark.parametrize(
    ("radio", "expected"),
    [
        (MOBILE, ()),
        (replace(MOBILE, roaming=True), ("roaming",)),
        (replace(MOBILE, registration="roaming", roaming=None), ("roaming",)),
        (replace(MOBILE, sim_mccmnc="00102"), ()),  # a virtual operator's SIM at home
        (replace(MOBILE, sim_mccmnc="00102", registration=None), ()),
        (replace(MOBILE, sim_mccmnc="00102", registration="idle"), ("sim_ne_network",)),
        (replace(MOBILE, sim_mccmnc="00102", roaming=True), ("roaming", "sim_ne_network")),
        (replace(MOBILE, sim_mccmnc="00201"), ("sim_ne_network",)),
        (replace(MOBILE, sim_mccmnc=None, registration="idle"), ()),
        (replace(MOBILE, net_mccmnc=None, registration="idle"), ()),
    ],
)
def test_whose_network_it_was(radio: Radio, expected: tuple[str, ...]) -> None:
    """A visited network is not the one the customer pays; a SIM whose code differs at home is no flaw."""
    assert found(seen(after=on(radio))) == expected
    assert found(seen(before=on(radio), after=on(MOBILE, after_us=SECOND_US))) == expected


def test_the_mobile_network_beside_another_link_is_no_flaw() -> None:
    """A stick that roams says nothing of a test that left by cable; one that is known to be the link does."""
    roams = replace(MOBILE, roaming=True)
    beside = moment(QUIET, Surroundings(Link("eth0", "ethernet"), roams), after_us=SECOND_US)
    assert found(seen(after=beside)) == ()
    stick = moment(QUIET, Surroundings(Link("eth0", "ethernet"), replace(roams, interface="eth0")), after_us=SECOND_US)
    assert stick.is_mobile
    assert found(seen(after=stick)) == ("roaming",)


def test_tunnels() -> None:
    """A tunnel is a flaw by its name, or if the system says so; a dialled modem is none."""
    tunnel = replace(QUIET, interface="ppp0", kind="vpn")
    assert found(seen(after=moment(tunnel), before=moment(tunnel))) == ("vpn",)
    dialled = Surroundings(Link("ppp0"), replace(MOBILE, interface="ppp0"))
    assert found(seen(before=moment(tunnel, dialled), after=moment(tunnel, dialled))) == ()
    told = moment(QUIET, Surroundings(Link("eth0", "ethernet", vpn=True)), after_us=SECOND_US)
    assert found(seen(after=told)) == ("vpn",)


@pytest.mark.threat("T10")
@pytest.mark.parametrize("kind", sorted(SHAPERS))
def test_a_device_that_shapes_its_own_line(kind: str) -> None:
    """A queueing discipline that holds packets back to a rate is a flaw of every test; what a system has by itself is none."""
    for told, expected in ((kind, ("shaped_here",)), ("fq_codel", ()), ("noqueue", ()), (None, ())):
        after = moment(QUIET, Surroundings(Link("eth0", "ethernet", qdisc=told)), after_us=SECOND_US)
        assert found(seen(after=after)) == expected


def test_others_reach_the_network_through_this_device() -> None:
    """A hotspot or a tethered laptop is a flaw of every test; that nobody is there is none."""
    for shared, expected in ((True, ("tethering",)), (False, ()), (None, ())):
        around = Surroundings(Link("eth0", "ethernet", shared=shared))
        assert found(seen(after=moment(QUIET, around, after_us=SECOND_US))) == expected


@pytest.mark.parametrize(
    ("power", "expected"),
    [
        (Power(saver=True), ("battery_saver",)),
        (Power(throttled=True), ("thermal",)),
        (Power(saver=False, throttled=False), ()),
        (Power(plugged=False, charge_per_cent=1, temperature_dc=900), ()),
    ],
)
def test_power(power: Power, expected: tuple[str, ...]) -> None:
    """Saving and throttling are flaws under load; a low battery and warmth alone are not."""
    assert found_under_load(seen(after=moment(QUIET, Surroundings(power=power), after_us=SECOND_US))) == expected


def cell(radio: Technology, number: int | None = None, area: int | None = 7) -> Radio:
    """Give the mobile network with one serving cell."""
    return replace(MOBILE, technology=radio, cells=(Cell(radio, cell=number, area=area),))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (cell("lte", 0x1234501), cell("lte", 0x12345FF), ()),
        (cell("lte", 0x12345FF), cell("lte", 0x1234600), ("cell_changed",)),
        (cell("nr", (5 << 14) | 1), cell("nr", (5 << 14) | 2), ()),
        (cell("nr", 5 << 14), cell("nr", 6 << 14), ("cell_changed",)),
        (cell("3g", 1), cell("3g", 2), ()),
        (cell("3g", 1), cell("3g", 1, area=8), ("cell_changed",)),
        (cell("2g", 1, area=8), cell("2g", 1, area=7), ("cell_changed",)),
        (cell("lte", None), cell("lte", 1 << 20), ()),
        (cell("3g", 1, area=None), cell("3g", 1, area=8), ()),
        (replace(MOBILE, cells=()), cell("lte", 1), ()),
        (cell("lte", 1), cell("3g", 1), ("technology_changed",)),
        (cell("nr", 1), cell("2g", 1), ("technology_changed",)),
        (cell("lte", 1), cell("nr", 1 << 20), ()),
        (replace(MOBILE, technology=None), cell("3g", 1), ()),
    ],
)
def test_another_cell_or_technology(before: Radio, after: Radio, expected: tuple[str, ...]) -> None:
    """Another base station and another generation are flaws under load; another carrier, and 5G that joins 4G, are none."""
    assert found_under_load(seen(on(before), on(after, after_us=SECOND_US))) == expected
    assert found_under_load(seen(on(after), on(before, after_us=SECOND_US))) == expected


def test_cells_beside_another_link_are_not_compared() -> None:
    """Where a phone's modem is camped means nothing to a test that left by another link."""
    before, after = (
        moment(QUIET, Surroundings(radio=radio), after_us=us)
        for radio, us in ((cell("lte", 1), 0), (cell("3g", 1), SECOND_US))
    )
    assert found_under_load(seen(before, after)) == ()


def test_a_clock_that_is_not_set() -> None:
    """A clock that is known to be wrong is a flaw; one of which nobody knows is none, as on most phones."""
    for dated, expected in ((False, ("clock_unsynced",)), (None, ()), (True, ())):
        assert found(seen(after=replace(moment(QUIET, after_us=SECOND_US), dated=dated))) == expected
        assert found(seen(before=replace(moment(QUIET), dated=dated))) == expected


@pytest.mark.parametrize(
    ("by_us", "expected"), [(10**6, ()), (10**6 + 1, ("clock_stepped",)), (-(10**6) - 1, ("clock_stepped",))]
)
def test_a_clock_that_is_set_meanwhile(by_us: int, expected: tuple[str, ...]) -> None:
    """Wall time that moves more than a second against monotonic time, forward or back, is a flaw."""
    after = moment(QUIET, after_us=SECOND_US)
    assert found(seen(after=replace(after, wall_us=after.wall_us + by_us))) == expected


@pytest.mark.parametrize(("slept_us", "expected"), [(100_000, ()), (100_001, ("suspended",))])
def test_a_device_that_sleeps(slept_us: int, expected: tuple[str, ...]) -> None:
    """Monotonic time that went on while the awake clock stood still is a flaw."""
    after = moment(QUIET, after_us=SECOND_US)
    assert found(seen(after=replace(after, awake_us=after.awake_us - slept_us))) == expected


@pytest.mark.parametrize(
    ("rate", "clean", "expected"),
    [
        (80_000_000, 100_000_000, ()),
        (80_000_001, 100_000_000, ("client_limited",)),
        (10**9, None, ()),
        (1, 0, ("client_limited",)),
    ],
)
def test_the_limit_of_this_device(rate: int, clean: int | None, expected: tuple[str, ...]) -> None:
    """A download above 80 per cent of what the self-test passed is a flaw; without a self-test none is."""
    assert found_under_load(replace(seen(), received_bps=rate, clean_bps=clean)) == expected


def forgetting(value: Any, forget: Callable[[], bool]) -> Any:
    """Make some of the facts in a value unknown, at any depth; what cannot be unknown stays."""
    if not is_dataclass(value) or isinstance(value, type):
        return value
    changes: dict[str, Any] = {}
    for field in fields(value):
        old = getattr(value, field.name)
        asked_for = isinstance(value, Link) and field.name == "interface"  # no reading, but where it was looked
        optional = "None" in str(field.type) and not asked_for
        if optional and forget():
            changes[field.name] = None
        elif isinstance(old, tuple):
            changes[field.name] = () if forget() else tuple(forgetting(one, forget) for one in old)
        else:
            changes[field.name] = forgetting(old, forget)
    return replace(value, **changes)


small = st.integers(0, 3_000_000)
codes = st.sampled_from(["00101", "00102", "00201"])
radios = st.builds(
    Radio,
    via=st.just("termux"),
    technology=st.sampled_from(["2g", "3g", "lte", "nr"]),
    registration=st.sampled_from(["home", "roaming", "idle"]),
    roaming=st.booleans(),
    sim_mccmnc=codes,
    net_mccmnc=codes,
    interface=st.sampled_from(["eth0", "wwan0"]),
    cells=st.lists(st.builds(Cell, st.sampled_from(["2g", "lte", "nr"]), cell=small, area=small), max_size=2).map(
        tuple
    ),
)
powers = st.builds(Power, saver=st.booleans(), throttled=st.booleans())


@st.composite
def moments(draw: st.DrawFn) -> Moment:
    """Draw a moment at which what a name tells of the link and what a look tells do not contradict each other."""
    interface, by_name, looks = draw(
        st.sampled_from(
            [
                ("eth0", "other", ["ethernet", "cellular", "wifi", "other"]),
                ("wwan0", "cellular", ["cellular", "other"]),
                ("wlan0", "wifi", ["wifi", "other"]),
            ]
        )
    )
    host = st.builds(
        HostFacts,
        interface=st.just(interface),
        kind=st.just(by_name),
        rx_bytes=small,
        tx_bytes=small,
        cpu_busy_us=small,
        cpu_total_us=small,
        memory_available_bytes=st.integers(0, 10**9),
        has_way=st.booleans(),
        memory_total_bytes=st.just(10**9),
        cores=st.tuples(st.tuples(small, small), st.tuples(small, small)),
        own_cpu_us=small,
    )
    link = st.builds(Link, st.just(interface), st.sampled_from(looks), vpn=st.booleans(), shared=st.booleans())
    around = st.builds(Surroundings, link, radios, powers)
    return Moment(draw(host), draw(around), draw(small), draw(small), draw(small), draw(st.booleans()))


anything = st.builds(
    Seen,
    before=moments(),
    after=moments(),
    loads=st.booleans(),
    own_rx_bytes=small,
    own_tx_bytes=small,
    lull=st.builds(Lull, st.just(SECOND_US), small, small, small, st.integers(0, 1000)),
    failure=st.sampled_from(["connection_refused", "eof_error"]),
    status=st.sampled_from([200, 503]),
    gap_per_mille=st.integers(0, 400),
    settled_us=st.integers(0, 12_000_000),
    received_bps=small,
    clean_bps=small,
)


@settings(max_examples=60, deadline=None)
@given(anything, st.randoms(use_true_random=False), st.integers(1, 9))
def test_no_flaw_comes_from_what_is_not_known(one: Seen, chance: Any, tenths: int) -> None:
    """Whatever becomes unknown, no flaw appears that was not there; and if everything does, only figures and ways are left."""
    known = set(flaws(one))
    assert set(flaws(forgetting(one, lambda: chance.random() * 10 < tenths))) <= known
    mute = {"wifi", "no_link", "link_lost", "client_gap", "clock_stepped", "suspended"}
    assert set(flaws(forgetting(one, lambda: True))) <= known & mute


def test_a_quiet_test_has_no_flaw() -> None:
    """A quiet test over the mobile network has no flaw at all, loaded or not."""
    quiet = replace(seen(on(LTE), on(LTE, after_us=SECOND_US)), lull=STILL, own_rx_bytes=0, own_tx_bytes=0)
    assert flaws(replace(quiet, loads=True)) == flaws(quiet) == ()
    assert quiet.before.host == WWAN
