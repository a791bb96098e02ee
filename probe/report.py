"""What the probe says to people: a live bar while it measures, a line for each measurement, a summary. Pure text."""

from collections.abc import Mapping, Sequence

from probe import noted
from probe.measure.outcome import Progress
from shared import kpi
from shared.failure import IN_WORDS, Failure
from shared.record import Record, read_record
from shared.strictjson import Json

_BAR = 20
_THREE_DIGITS = 100
NAMES = {
    "latency": "latency",
    "download": "download",
    "upload": "upload",
    "fetch": "object fetch",
    "dns": "name lookup",
    "path": "path",
    "ookla": "speedtest",
    "loaded_latency": "under load",
    "reach": "reach",
}
PLACES = {
    "host": "on this device",
    "local": "in the own network",
    "operator": "in the operator's network",
    "beyond": "beyond the operator's network",
}
LATENCY_WAYS = {"stamp": "STAMP", "icmp": "ICMP", "tcp": "TCP connect", "udp": "UDP"}  # udp: of latency 1
FLAWS = {
    "cross_traffic": "something else used the line",
    "cpu_busy": "this device was busy",
    "link_changed": "the link changed meanwhile",
    "wifi": "over Wi-Fi, not the mobile line itself",
    "loopback": "this machine itself, no line",
    "no_link": "there was no connection",
    "peer_fault": "the measurement server's fault",
    "short_window": "too short to settle",
    "client_gap": "the other program's own figure is wrong",
    "link_lost": "the connection was lost meanwhile",
    "cross_traffic_before": "something else was using the line just before",
    "cpu_busy_before": "this device was busy just before",
    "cpu_core_busy": "one processor core was at its limit",
    "memory_low": "this device was short of memory",
    "roaming": "roaming, so another operator's network",
    "sim_ne_network": "another network than the SIM's",
    "vpn": "through a VPN, not the line itself",
    "tethering": "others use the line through this device",
    "battery_saver": "battery saving is on",
    "thermal": "this device slowed itself down (heat or low voltage)",
    "cell_changed": "another base station meanwhile",
    "technology_changed": "another mobile technology meanwhile",
    "clock_unsynced": "this device's clock is not set",
    "clock_stepped": "this device's clock was set meanwhile",
    "suspended": "this device slept meanwhile",
    "shaped_here": "this device itself may have held its line back to a rate",
    "client_limited": "near the limit of what this device can measure",
}
REASONS = {  # why nothing was started: the rows of `probe.gate`, what a busy peer answers, and what could not be tried
    "paused": "paused by you",
    "roaming": "the device was roaming",
    "metered": "the link is paid for by volume",
    "battery_low": "the battery was low",
    "battery_saver": "the battery saver was on",
    "quiet_hours": "quiet hours",
    "budget": "the data set aside for measuring was used up",
    "late": "its moment had passed",
    "busy": "the device was busy with another test",
    "stopped": "measuring was stopped",
    "campaign_near": "a campaign's test was due",
    "could_not_run": "it could not be tried",
    "peer_busy": "the measurement server was busy",
    "not_admitted": "the measurement server did not admit this device",
    "over_limit": "the measurement server's limit for this device was reached",
}


def digits(value: float) -> str:
    """Three digits, and all that stand before the point."""
    return f"{value:.0f}" if value >= _THREE_DIGITS else f"{value:.3g}"


def rate(bps: int) -> str:
    """A rate in the unit people read."""
    return _in_units(bps, "bit/s")


def size(count: int) -> str:
    """A number of bytes in the unit people read."""
    return _in_units(count, "B")


def _in_units(count: int, unit: str) -> str:
    for factor, prefix in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if count >= factor:
            return f"{digits(count / factor)} {prefix}{unit}"
    return f"{count} {unit}"


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: "1 batch", "2 batches"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def bar(progress: Progress) -> str:
    """One line for a running measurement."""
    share = min(1.0, progress.elapsed_us / max(1, progress.expected_us))
    filled = int(_BAR * share)
    speed = f"{rate(progress.rate_bps):>12}" if progress.rate_bps else " " * 12
    moved = size(progress.moved_bytes) if progress.moved_bytes else ""
    return (
        f"{NAMES.get(progress.method, progress.method):<13}[{'#' * filled}{'.' * (_BAR - filled)}] {speed} {moved:<10}"
    )


def in_words(record: Record) -> str:
    """The result of one record."""
    match record.text("end"):
        case "ok":
            return _measured(record)
        case "failed":
            return _failed(record)
        case "not_started":
            return f"not started: {record.text('note') or reason(record.text('reason'))}"
        case _:
            return "cut off before it ended"


def _measured(record: Record) -> str:
    if record.method == "latency":
        median, loss = kpi.rtt_median_us(record), kpi.loss_per_mille(record) or 0
        how = LATENCY_WAYS.get(record.text("via") or "", "")
        middle = "most packets lost" if median is None else f"{digits(median / 1000)} ms median"
        return f"{middle}, {loss / 10:g} % lost ({how})"
    if record.method == "dns":
        return _looked_up(record)
    if record.method == "path":
        return _found(record)
    if record.method == "ookla":
        return _by_speedtest(record)
    if record.method == "loaded_latency":
        return _under_load(record)
    if record.method == "reach":
        return f"all answered, up to {noted.reached(record)}"
    if record.method in noted.NAMES:
        return noted.in_words(record)
    received = record.integer("received_bytes") or 0
    time_us = record.integer("dur_us") or 0
    return f"{rate(kpi.rate_bps(record) or 0)}, {size(received)} in {digits(time_us / 1e6)} s"


def _looked_up(record: Record) -> str:
    lookup_us = record.integers("lookup_us")
    took_us = [one for one in lookup_us if one >= 0]
    middle = digits((kpi.percentile(took_us, 500) or 0) / 1000)
    return f"{middle} ms median, {len(took_us)} of {len(lookup_us)} lookups answered"


def _found(record: Record) -> str:
    hops = len(record.integers("hop_sent"))
    end = "the server" if record.text("ends") == "target" else "the last place that answered"
    begins = {
        "delay": record.text("delay_from") or record.integer("delay_from_hop"),
        "loss": record.text("loss_from") or record.integer("loss_from_hop"),
    }
    places = [f"{what} begins {PLACES.get(str(where), f'at hop {where}')}" for what, where in begins.items() if where]
    return "; ".join([f"{hops} {'hop' if hops == 1 else 'hops'} to {end}", *places])


def _by_speedtest(record: Record) -> str:
    ours = record.text("counted") == "peer"
    down, up = (record.integer(f"{'' if ours else 'claimed_'}{way}_bps") or 0 for way in ("down", "up"))
    return f"{rate(down)} down, {rate(up)} up, as {'the server counted' if ours else 'speedtest-cli alone claims'}"


def _under_load(record: Record) -> str:
    idle, loaded = record.integers("idle_rtt_us"), record.integers("loaded_rtt_us")
    idle_us, middle_us, most_us = kpi.percentile(idle, 500), kpi.percentile(loaded, 500), kpi.percentile(loaded, 950)
    figures = [
        "idle unknown" if idle_us is None else f"{digits(idle_us / 1000)} ms idle",
        "no figure under load" if middle_us is None else f"{digits(middle_us / 1000)} ms median",
    ]
    figures += [] if most_us is None else [f"{digits(most_us / 1000)} ms p95"]
    text = f"{', '.join(figures)} in {record.text('direction') or 'a transfer'} at {rate(kpi.rate_bps(record) or 0)}"
    rpm, band, sure = record.integer("rpm"), record.text("rpm_band"), record.text("rpm_confidence")
    return text if rpm is None else f"{text}; {rpm} round trips a minute ({band}, confidence {sure})"


def _failed(record: Record) -> str:
    name = record.text("failure") or ""
    words = failure(name) if name else ""
    status = record.integer("status")
    arrived = record.integer("received_bytes")
    more = f" ({status})" if status and name == Failure.HTTP_UNEXPECTED_STATUS else ""
    last = noted.reached(record) if record.method == "reach" else ""
    more += f"; the last to answer was {last}" if last else ""
    return f"FAILED: {words}{more}" + (f"; {size(arrived)} had arrived" if arrived else "")


def reason(name: str | None) -> str:
    """Why nothing was started, in words; a reason that has none yet is shown as it is."""
    return REASONS.get(name, name.replace("_", " ")) if name else "no reason given"


def failure(name: str | None) -> str:
    """What failed, in words; a name that has none yet is shown as it is."""
    known = {one.value: words for one, words in IN_WORDS.items()}
    return known.get(name, name.replace("_", " ")) if name else IN_WORDS[Failure.UNKNOWN]


def line(members: Mapping[str, Json] | Record) -> str:
    """One finished measurement in one line, with its flaws."""
    record = members if isinstance(members, Record) else Record(b"", dict(members), int(str(members.get("seq", 0))))
    flaws = disturbed(record)
    text = f"{(NAMES | noted.NAMES).get(record.method, record.method):<13}{in_words(record)}"
    return f"{text}  [{flaws}]" if flaws else text


def disturbed(record: Record) -> str:
    """The flaws of a record, in words, empty if it has none."""
    return ", ".join(FLAWS.get(flaw, flaw) for flaw in record.texts("flaws"))


def summary(recent: Sequence[bytes]) -> list[str]:
    """The last records, newest first, a line each."""
    return [f"  #{record.seq:<5} {line(record)}" for record in map(read_record, (one.rstrip(b"\n") for one in recent))]
