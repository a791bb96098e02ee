"""What stands around a measurement in its record: its flaws, host, link and mobile network before and after. Pure.

What is not known is absent. Nothing here tells who somebody is: no name of a Wi-Fi network, no hardware's or SIM's number,
no address of the device; a place only if its owner agreed, and rounded.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Final, cast

from probe.facts import Lull, Moment, Seen, busiest_core_per_mille, cpu_busy_per_mille, grown, own_cpu_per_mille
from probe.flaws import SLEPT_US, STEP_US, flaws
from probe.measure.outcome import Measured
from probe.naming import public_name
from probe.surroundings import Radio
from shared import kpi
from shared.kpi import window_us
from shared.record import End, Record
from shared.strictjson import Json, JsonObject

# HTTP: what the peer answers when it is not the line's turn: too many tests, no ticket, more than this device may move.
REFUSED: Final = {503: "peer_busy", 403: "not_admitted", 429: "over_limit"}
LOADING: Final = ("download", "upload", "loaded_latency", "ookla")  # they fill the line
ASKING_BYTES: Final = 32_768  # asking for a ticket and for the peer's word, each way at most
# What small tests put on the link, by packet, with IPv6's and Ethernet's headers: ours, rather too much than too little.
PACKET_BYTES: Final = 44 + 8 + 40 + 14  # STAMP's; an echo request is no larger
CONNECT_BYTES: Final = 3 * 94  # a connection that is opened and closed
QUESTION_BYTES, ANSWER_BYTES, ASKED_AT_MOST = 160, 600, 4  # of a lookup whose questions nobody counted
REPLY_BYTES: Final = 200  # ICMP, with the packet it speaks of
LADDER_BYTES: Final = 8_192
SETTLING: Final = ("evidence", "standard")
TROUBLES, TROUBLE_CHARACTERS = 4, 60  # of readers that did not answer: enough to mend it, and little to store


def ended_as(
    method: str,
    measured: Measured,
    before: Moment,
    after: Moment,
    lull: Lull | None = None,
    clean_bps: int | None = None,
    *,
    pinned: bool = False,
) -> JsonObject:
    """The members of a measurement that ran: its own, what stood around it, its flaws."""
    members: JsonObject = {name: cast("Json", value) for name, value in measured.members.items()}
    own_rx, own_tx = own_bytes(method, members)
    status = members.get("status") if members.get("host") != "foreign" else None  # another's server is not our peer
    failure = members.get("failure") if members.get("host") != "foreign" else None
    finished = members | {"end": measured.end, "method": method}
    seen = Seen(
        before,
        after,
        loads=method in LOADING,
        own_rx_bytes=own_rx,
        own_tx_bytes=own_tx,
        lull=lull,
        failure=failure if isinstance(failure, str) else None,
        status=status if isinstance(status, int) else None,
        gap_per_mille=_count(members, "gap_pm"),
        settled_us=_settled_us(members) if measured.end == "ok" else None,
        received_bps=_received_bps(finished),
        clean_bps=clean_bps,
        pinned=pinned,
    )
    around = surrounding(seen)
    if measured.end == "failed" and isinstance(status, int) and status in REFUSED:
        return around | {"end": End.NOT_STARTED.value, "reason": REFUSED[status], "status": status}
    found = flaws(seen)
    if found:
        members["flaws"] = list(found)
    return members | around | {"end": measured.end}


def own_bytes(method: str, members: Mapping[str, Json]) -> tuple[int | None, int | None]:
    """The bytes a measurement itself received and sent; None if nobody knows."""
    asking = ASKING_BYTES if "sid" in members or "ticket" in members else 0
    if "tcp_rx_bytes" in members:
        return _count(members, "tcp_rx_bytes") + asking, _count(members, "tcp_tx_bytes") + asking
    match method:
        case "upload":
            return 0, _count(members, "sent_bytes")
        case "download" | "fetch":
            return _count(members, "received_bytes"), 0
        case "ookla" if "down_bytes" in members:
            return _count(members, "down_bytes"), _count(members, "up_bytes")
        case "ookla" | "loaded_latency":
            return None, None
        case "latency":
            packets = 1 + len(_list(members, "rtt_us"))
            each = CONNECT_BYTES if members.get("via") == "tcp" else PACKET_BYTES
            return packets * each, packets * each
        case "dns":
            questions = sum(ASKED_AT_MOST if tries < 0 else tries for tries in _list(members, "tries"))
            return questions * ANSWER_BYTES, questions * QUESTION_BYTES
        case "path":
            probes = sum(_list(members, "hop_sent"))
            return probes * REPLY_BYTES, probes * PACKET_BYTES
        case "reach":
            return LADDER_BYTES, LADDER_BYTES
        case _:
            return 0, 0


def surrounding(seen: Seen) -> JsonObject:
    """The members `ctx`, `radio` and `radio_before` of a measurement, as far as there is something to say in them.

    The mobile network of the moment before is told of tests that load the line, and of others if it was another then.
    """
    told: JsonObject = {"ctx": _context(seen)}
    before, after = radio_member(seen.before), radio_member(seen.after)
    if after:
        told["radio"] = after
    if before and (seen.loads or before != after):
        told["radio_before"] = before
    return told


def network_type(moment: Moment) -> str:
    """What carried a test, in the words of the criteria. What came by Wi-Fi is `wifi`, whatever stands behind the router."""
    if moment.is_mobile:
        return "mobile"
    return {"wifi": "wifi", "loopback": "none"}.get(moment.kind, "other")


def radio_member(moment: Moment) -> JsonObject:
    """What is known of the mobile network: `located` if a place was read, `signals` with a place for each serving cell."""
    radio = moment.radio
    if radio is None:
        return {}
    told = _known(
        {name: getattr(radio, name) for name in ("via", "technology", "registration", "roaming", "connected")}
        | {"sim_mccmnc": radio.sim_mccmnc, "net_mccmnc": radio.net_mccmnc}
    )
    if moment.around.place is not None:
        told["located"] = True
    return told | _signals(radio)


def _signals(radio: Radio) -> JsonObject:
    cells: list[Json] = [_known(asdict(cell)) for cell in radio.cells]
    return {"signals": cells} if cells else {}


def _context(seen: Seen) -> JsonObject:
    before, after = seen.before.host, seen.after.host
    told: dict[str, Json | None] = {
        "cpu_pm": cpu_busy_per_mille(before, after),
        "if_rx_bytes": grown(before.rx_bytes, after.rx_bytes),
        "if_tx_bytes": grown(before.tx_bytes, after.tx_bytes),
        "interface": public_name(after.interface),
        "ip_version": after.ip_version,
        "link": seen.after.kind,
        "load_pm": after.load_per_mille,
        "mem_available_bytes": after.memory_available_bytes,
        "network_type": network_type(seen.after),
        "pinned": seen.pinned or None,
        "dns_pinned": False if seen.pinned else None,  # the system's lookups go by any link
        "slept_us": seen.slept_us if seen.slept_us > SLEPT_US else None,
        "stepped_us": seen.stepped_us if abs(seen.stepped_us) > STEP_US else None,
    }
    was = {"interface": public_name(before.interface), "ip_version": before.ip_version, "link": seen.before.kind}
    told |= {f"{name}_before": value for name, value in was.items() if value != told[name]}
    if seen.loads:
        told |= _of_load(seen)
    return _known(told) | _device(seen.after)


def _of_load(seen: Seen) -> "dict[str, Json | None]":
    """What matters only to a test that fills the line."""
    told: dict[str, Json | None] = {
        "clean_bps": seen.clean_bps,
        "core_pm": busiest_core_per_mille(seen.before.host, seen.after.host),
        "mem_bytes": seen.after.host.memory_total_bytes,
        "own_cpu_pm": own_cpu_per_mille(seen.before, seen.after),
    }
    if seen.lull is not None:
        told |= {
            "before_us": seen.lull.watched_us,
            "before_rx_bytes": seen.lull.rx_bytes,
            "before_tx_bytes": seen.lull.tx_bytes,
            "quiet_us": seen.lull.quiet_us,
            "cpu_before_pm": seen.lull.cpu_busy_per_mille,
            "load_before_pm": seen.before.host.load_per_mille,
        }
    return told


def _device(moment: Moment) -> JsonObject:
    """Link, power, clock and place as whoever looked round told of them."""
    link, power, place = moment.around.link, moment.around.power, moment.around.place
    told: dict[str, Json | None] = {
        "charge_per_cent": power.charge_per_cent,
        "metered": link.metered,
        "plugged": power.plugged,
        "qdisc": link.qdisc,
        "saver": power.saver,
        "shared": link.shared,
        "synced": moment.around.synced,
        "temperature_dc": power.temperature_dc,
        "throttled": power.throttled,
        "vpn": link.vpn,
        "wifi_mhz": link.wifi_mhz,
        "wifi_rssi_dbm": link.wifi_rssi_dbm,
    }
    if place is not None:
        told["place"] = _known(asdict(place))
    troubles: list[Json] = [
        trouble.encode("ascii", "replace").decode("ascii")[:TROUBLE_CHARACTERS]
        for trouble in moment.around.troubles[:TROUBLES]
    ]
    return _known(told | {"troubles": troubles or None})


def _known(told: "Mapping[str, Json | None]") -> JsonObject:
    return {name: value for name, value in told.items() if value is not None}


def _settled_us(members: JsonObject) -> int | None:
    """How long the window is from which a long transfer's rate is taken; None for other measurements."""
    if members.get("plan") not in SETTLING or "protocol" not in members:
        return None
    window = window_us(Record(b"", members, 0))
    return 0 if window is None else window[1] - window[0]


def _received_bps(members: JsonObject) -> int | None:
    """The rate at which a download came in, alone or beside a train; None for anything else."""
    downloads = members["method"] == "download" or members.get("direction") == "download"
    return kpi.rate_bps(Record(b"", members, 0)) if downloads else None


def _list(members: Mapping[str, Json], name: str) -> list[int]:
    value = members.get(name)
    return [one for one in value if type(one) is int] if isinstance(value, list) else []


def _count(members: Mapping[str, Json], name: str) -> int:
    value = members.get(name, 0)
    return value if isinstance(value, int) else 0
