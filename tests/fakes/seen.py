"""What was known around a quiet test of one second, but for the changes a test asks for."""

from dataclasses import replace

from probe.facts import HostFacts, Moment, Seen
from probe.surroundings import Cell, Link, Radio, Surroundings

SECOND_US = 1_000_000
WALL_US = 1_800_000_000_000_000
QUIET = HostFacts(
    "eth0",
    "other",
    rx_bytes=0,
    tx_bytes=0,
    cpu_busy_us=0,
    cpu_total_us=0,
    memory_available_bytes=10**9,
    memory_total_bytes=4 * 10**9,
    cores=((0, 0), (0, 0)),
    own_cpu_us=0,
    ip_version=4,
)
WWAN = replace(QUIET, interface="wwan0", kind="cellular")
MOBILE = Radio(
    "modemmanager",
    technology="lte",
    registration="home",
    roaming=False,
    connected=True,
    sim_mccmnc="00101",
    net_mccmnc="00101",
    interface="wwan0",
)
LTE = replace(MOBILE, cells=(Cell("lte", "00101", area=33997, cell=27447297, pci=416, channel=1300, rsrp_dbm=-97),))


def moment(host: HostFacts = QUIET, around: Surroundings | None = None, after_us: int = 0) -> Moment:
    """Give a moment, so many µs after the test began."""
    return Moment(host, around or Surroundings(), WALL_US + after_us, after_us, after_us)


def on(radio: Radio, after_us: int = 0, link: Link | None = None) -> Moment:
    """Give a moment at which the mobile network carries the link."""
    return moment(WWAN, Surroundings(link or Link("wwan0", "cellular"), radio), after_us)


def seen(before: Moment | None = None, after: Moment | None = None, **changes: object) -> Seen:
    """Give a test of a second in which the host counted nothing, but for the changes of its facts after it."""
    first = before or moment(replace(QUIET, interface=after.host.interface, kind=after.host.kind) if after else QUIET)
    spent = tuple((0, SECOND_US) for _ in first.host.cores)
    later = replace(first.host, cpu_busy_us=0, cpu_total_us=SECOND_US, cores=spent)
    last = after or replace(first, host=later, wall_us=WALL_US + SECOND_US, mono_us=SECOND_US, awake_us=SECOND_US)
    if after is not None and after.mono_us == 0:
        last = replace(after, wall_us=WALL_US + SECOND_US, mono_us=SECOND_US, awake_us=SECOND_US)
    return Seen(first, replace(last, host=replace(last.host, **changes)))  # type: ignore[arg-type]
