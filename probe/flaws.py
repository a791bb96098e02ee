"""Flaws: named reasons why a measurement may not count, as rows, each with its predicate, and one pure function.

A flaw marks, it never drops; but rules that ask for "no flaw" leave a marked measurement out. So a row is a flaw only if
it can make the line look other than it is. What merely describes the device (charge, temperature, signal, a metered link)
stands in the record's context and is no row. Rows of scope `load` are asked only of tests that fill the line: what slows a
device down says nothing about a packet that the kernel stamps.

What the system does not tell raises no flaw; the absent members of the context show that it was not known. A row's meaning
never changes; a new row is added.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from probe.facts import Moment, Seen, busiest_core_per_mille, cpu_busy_per_mille, own_cpu_per_mille
from probe.mobile import another_site, another_technology, foreign_network, roams
from probe.traffic import is_foreign_beside, is_foreign_in
from shared.failure import Failure

Scope = Literal["all", "load"]

BUSY_PER_MILLE: Final = 850
CORE_PER_MILLE: Final = 900
MEMORY_USED_PER_CENT: Final = 95
LEAST_MEMORY_BYTES: Final = 134_217_728
CLIENT_GAP_PER_MILLE: Final = 200
SETTLED_US: Final = 6_000_000
SERVER_ERROR: Final = 500
STEP_US: Final = 1_000_000
SLEPT_US: Final = 100_000  # two readings of clocks may be this far apart on a device that is busy
OF_CLEAN_PER_CENT: Final = 80
SHAPERS: Final = frozenset({"tbf", "htb", "hfsc", "cbq", "netem"})


@dataclass(frozen=True, slots=True)
class FlawRule:
    """One reason why a measurement may not count."""

    id: str
    holds: Callable[[Seen], bool]
    threshold: str
    comment: str
    source: str
    scope: Scope = "all"


def flaws(seen: Seen) -> tuple[str, ...]:
    """Name the flaws of a measurement, in the order of the rows."""
    return tuple(rule.id for rule in FLAW_RULES if (seen.loads or rule.scope == "all") and rule.holds(seen))


def _cross_traffic(seen: Seen) -> bool:
    own = seen.own_rx_bytes, seen.own_tx_bytes
    if own[0] is None or own[1] is None:
        return False
    return is_foreign_beside(seen.before.host, seen.after.host, own[0], own[1], seen.dur_us)


def _core_busy(seen: Seen) -> bool:
    cores = busiest_core_per_mille(seen.before.host, seen.after.host), own_cpu_per_mille(seen.before, seen.after)
    return any(share is not None and share >= CORE_PER_MILLE for share in cores)


def _memory_low(moment: Moment) -> bool:
    free, whole = moment.host.memory_available_bytes, moment.host.memory_total_bytes
    if free is None:
        return False
    return free < LEAST_MEMORY_BYTES or (whole is not None and 100 * (whole - free) > MEMORY_USED_PER_CENT * whole)


def _link_changed(seen: Seen) -> bool:
    names = seen.before.host.interface, seen.after.host.interface
    return None not in names and names[0] != names[1]


def _vpn(moment: Moment) -> bool:
    return moment.around.link.vpn is True or (moment.kind == "vpn" and not moment.is_mobile)


def _client_limited(seen: Seen) -> bool:
    if seen.received_bps is None or seen.clean_bps is None:
        return False
    return 100 * seen.received_bps > OF_CLEAN_PER_CENT * seen.clean_bps


def _more_than(limit_per_mille: int, share_per_mille: int | None) -> bool:
    return share_per_mille is not None and share_per_mille > limit_per_mille


def _either(holds: Callable[[Moment], bool]) -> Callable[[Seen], bool]:
    """A predicate that is asked of the moment before and of the moment after."""
    return lambda seen: holds(seen.before) or holds(seen.after)


FLAW_RULES: Final[tuple[FlawRule, ...]] = (
    FlawRule(
        id="cross_traffic",
        holds=_cross_traffic,
        threshold="loaded: more than 10 % foreign bytes; idle: more than 64 kbit/s down or 32 kbit/s up",
        comment="Something else used the line, so the line can do more than was measured.",
        source="share: Ne.Me.Sys; rates: FCC, Connect America Fund",
    ),
    FlawRule(
        id="cpu_busy",
        holds=lambda seen: _more_than(BUSY_PER_MILLE, cpu_busy_per_mille(seen.before.host, seen.after.host)),
        threshold="more than 85 % of all processors' time",
        comment="The device may have been slower than the line.",
        source="Ne.Me.Sys",
    ),
    FlawRule(
        id="link_changed",
        holds=_link_changed,
        threshold="another interface after than before",
        comment="It is not known which of two lines was measured.",
        source="ours",
    ),
    FlawRule(
        id="wifi",
        holds=_either(lambda moment: moment.kind == "wifi"),
        threshold="the interface is Wi-Fi",
        comment="The radio between device and router may have been slower than the line.",
        source="Ne.Me.Sys",
    ),
    FlawRule(
        id="loopback",
        holds=_either(lambda moment: moment.kind == "loopback"),
        threshold="the interface is the loopback",
        comment="Probe and peer are on one machine: no line was measured at all.",
        source="ours",
    ),
    FlawRule(
        id="no_link",
        holds=lambda seen: not seen.before.host.has_way,
        threshold="before the test there was no way to the peer, by no interface",
        comment="A cable out, airplane mode or a closed lid looks like a dead line; it is shown and not held against it.",
        source="ours",
    ),
    FlawRule(
        id="peer_fault",
        holds=lambda seen: (
            seen.failure == Failure.CONNECTION_REFUSED or (seen.status is not None and seen.status >= SERVER_ERROR)
        ),
        threshold="the peer refused the connection, or answered with a status of 500 or above",
        comment="The way to the peer worked and the peer did not: its fault and not the line's.",
        source="ours",
    ),
    FlawRule(
        id="short_window",
        holds=lambda seen: seen.settled_us is not None and seen.settled_us < SETTLED_US,
        threshold="an evidence or standard transfer whose rate is from less than 6 s",
        comment="A flow stalled, or the transfer was cut short, before the rate could settle.",
        source="RMBT: at least 6 to 7 s on LTE (PIMRC'17)",
    ),
    FlawRule(
        id="client_gap",
        holds=lambda seen: seen.gap_per_mille > CLIENT_GAP_PER_MILLE,
        threshold="a foreign client's own figure is more than 20 % from what the peer counted",
        comment="The client is wrong on this line; its figure must not be believed, and ours of the same run is doubtful.",
        source="ours: 3 to 7 % are usual in short tests, whose time includes connecting",
    ),
    FlawRule(
        id="link_lost",
        holds=lambda seen: seen.before.host.has_way and not seen.after.host.has_way,
        threshold="there was a way to the peer before the test and none after it, by no interface",
        comment="As with no_link: a cable pulled in mid-test looks like a dead line. Presence and reach records say more.",
        source="ours",
    ),
    FlawRule(
        id="cross_traffic_before",
        holds=lambda seen: seen.lull is not None and seen.before.kind != "loopback" and is_foreign_in(seen.lull),
        threshold="more than 64 kbit/s down or 32 kbit/s up in the second before, also when looked at three times",
        comment="Somebody was using the line when the test began; on a phone it is only seen where counters are told.",
        source="FCC, Connect America Fund (which waits a minute and tries again)",
        scope="load",
    ),
    FlawRule(
        id="cpu_busy_before",
        holds=lambda seen: seen.lull is not None and _more_than(BUSY_PER_MILLE, seen.lull.cpu_busy_per_mille),
        threshold="more than 85 % of all processors' time in the second before",
        comment="The device was busy with something else when the test began.",
        source="Ne.Me.Sys",
        scope="load",
    ),
    FlawRule(
        id="cpu_core_busy",
        holds=_core_busy,
        threshold="a core busy for 90 % of the time, low-priority work left out, or this program as much as 90 % of a core",
        comment="One core takes a line's interrupts and one runs this program: either may be full while others rest.",
        source="ours",
        scope="load",
    ),
    FlawRule(
        id="memory_low",
        holds=_either(_memory_low),
        threshold="more than 95 % of the memory in use, or less than 128 MiB free",
        comment="A device that swaps is slower than the line.",
        source="Ne.Me.Sys",
        scope="load",
    ),
    FlawRule(
        id="roaming",
        holds=_either(roams),
        threshold="the mobile network carries the test, and the device says that it roams",
        comment="A visited network was measured, not the one the customer pays.",
        source="FCC, mobile speed test app",
    ),
    FlawRule(
        id="sim_ne_network",
        holds=_either(foreign_network),
        threshold="the SIM's network code is not the network's, and either the country differs or the device is not at home",
        comment="Another network was measured. SIMs of virtual operators differ at home as well: no flaw, the codes are shown.",
        source="CTU NetTest, certified measurement",
    ),
    FlawRule(
        id="vpn",
        holds=_either(_vpn),
        threshold="a tunnel carries the test, or the system says that a VPN is up",
        comment="A tunnel's server and its cryptography may have been slower than the line.",
        source="UKE, CTU NetTest",
    ),
    FlawRule(
        id="tethering",
        holds=_either(lambda moment: moment.around.link.shared is True),
        threshold="others reach the network through this device",
        comment="What they used is missing from what was measured, and a phone does not tell how much that was.",
        source="UKE",
    ),
    FlawRule(
        id="battery_saver",
        holds=_either(lambda moment: moment.around.power.saver is True),
        threshold="battery saving is on",
        comment="Slows processor and radio down. A low battery alone does not, and is only context.",
        source="UKE: mains power",
        scope="load",
    ),
    FlawRule(
        id="thermal",
        holds=_either(lambda moment: moment.around.power.throttled is True),
        threshold="the device slows itself down because of heat or low voltage",
        comment="The device may have been slower than the line. A high temperature alone is only context.",
        source="ours",
        scope="load",
    ),
    FlawRule(
        id="cell_changed",
        holds=another_site,
        threshold="another base station: LTE cell number without its last 8 bits, NR without 14; 2G, 3G: another area",
        comment="It is not known which of two was measured. Another carrier of the same station is what load does, no flaw.",
        source="ours",
        scope="load",
    ),
    FlawRule(
        id="technology_changed",
        holds=another_technology,
        threshold="another of 2G, 3G, 4G or 5G after than before, 4G and 5G counted as one",
        comment="Two networks were measured as one. 5G joins 4G when load begins (NSA), which is no change of network.",
        source="FCC, mobile speed test app",
        scope="load",
    ),
    FlawRule(
        id="clock_unsynced",
        holds=_either(lambda moment: moment.dated is False),
        threshold="the system says that its clock is not set by a time server, nor has it been seen set in the last 7 days",
        comment="The figure is right and its hour may be wrong. A clock once set loses 9 s a day at most: no flaw in an outage.",
        source="ours",
    ),
    FlawRule(
        id="clock_stepped",
        holds=lambda seen: abs(seen.stepped_us) > STEP_US,
        threshold="the wall clock moved more than 1 s against the monotonic one during the test",
        comment="The test's hour may be wrong, and kernel stamps of its packets are wall time.",
        source="ours",
    ),
    FlawRule(
        id="suspended",
        holds=lambda seen: seen.slept_us > SLEPT_US,
        threshold="the device slept for more than 0.1 s during the test",
        comment="A device that sleeps receives nothing, which is not the line's doing.",
        source="ours",
    ),
    FlawRule(
        id="client_limited",
        holds=_client_limited,
        threshold="a download faster than 80 % of what this device's self-test received without falling behind",
        comment="The device may have been slower than the line, which can then do more than was measured.",
        source="ours",
        scope="load",
    ),
    FlawRule(
        id="shaped_here",
        holds=_either(lambda moment: moment.around.link.qdisc in SHAPERS),
        threshold="the interface's own queueing discipline is one that holds packets back to a rate",
        comment="This device may have made its own line slow. One on a router out of sight does the same, and is not seen.",
        source="ours",
    ),
)
