"""What each name in a case means, in words for an agent on the phone: tables only.

A name that no table holds yet is shown as it is, its underscores as spaces, so that nothing a newer probe
or rule says is lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from collector.view import Counts, Provenance, VerdictName
from shared.failure import Stage
from shared.grade import Grade, Reason


@dataclass(frozen=True, slots=True)
class Tally:
    """One of the counts: its field, its label, and the sentence that explains it."""

    field: str
    label: str
    meaning: str
    signed_only: bool = False  # needs a schedule or a device's numbering, which an imported log has not

    def of(self, counts: Counts) -> int:
        """How many it is."""
        found: int = getattr(counts, self.field)
        return found


VERDICTS: Final[Mapping[VerdictName, str]] = MappingProxyType(
    {
        "substantiated": "Substantiated",
        "not_substantiated": "Not substantiated",
        "insufficient_evidence": "Not enough evidence",
        "facts_only": "Facts only, no verdict",
    }
)
# A sign of its own for each, so that the verdict does not hang on colour.
SIGNS: Final[Mapping[VerdictName, str]] = MappingProxyType(
    {"substantiated": "!", "not_substantiated": "✓", "insufficient_evidence": "?", "facts_only": "i"}
)
PROVENANCES: Final[Mapping[Provenance, str]] = MappingProxyType({"signed": "Signed", "imported": "Imported, unsigned"})
DIRECTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {"down": "Download", "up": "Upload", "round_trip": "Round trip"}
)
PROMISES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "max_bps": "maximum",
        "normal_bps": "normally available",
        "min_bps": "minimum",
        "advertised_bps": "advertised",
        "estimated_max_bps": "estimated maximum",
        "required_bps": "required",
        "max_delay_us": "longest delay",
    }
)
STATUSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "in_force": "in force",
        "superseded": "superseded, kept for older cases",
        "draft": "a draft, not in force",
        "benchmark": "a benchmark, no regulator's rule for this line",
        "facts_only": "states facts, gives no verdict",
        "test_only": "for tests only",
    }
)
TALLIES: Final = (
    Tally("ok", "Worked", "The measurement ran to its end and gave a figure."),
    Tally("failed", "Failed", "It ran and did not succeed; a failure is a result and counts as one."),
    Tally("not_started", "Not started", "The probe held it back and recorded why; no fault of the line."),
    Tally("aborted", "Broken off", "The device stopped in the middle, so there is no result either way."),
    Tally(
        "missing_slots",
        "Missing",
        "A measurement was due and nothing about it was ever received.",
        signed_only=True,
    ),
    Tally(
        "by_hand",
        "By hand",
        "Somebody started it himself; shown, and never part of the statistics.",
        signed_only=True,
    ),
    Tally("flawed", "With a flaw", "Something beside the line may have spoilt it; marked, never dropped."),
    Tally("lost", "Lost", "Its place in the device's numbering was never filled by a record.", signed_only=True),
)
STAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        Stage.DNS: " while looking up the server's name",
        Stage.CONNECT: " while connecting",
        Stage.TLS: " while securing the connection",
        Stage.REQUEST: " while waiting for the answer",
        Stage.BODY: "",  # the bytes that arrived say it
        Stage.CLOSE: " at the very end",
    }
)
REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "could_not_run": "it could not be tried",
        "peer_busy": "the measurement server was busy",
        "battery_low": "the battery was low",
        "budget": "data budget used up",
        "budget_month": "monthly data budget used up",
        "budget_day": "daily data budget used up",
        "cross_traffic": "the customer was using the line",
        "no_network": "there was no network",
        "idle": "nothing was being asked for",
        "metered": "the connection is metered",
        "roaming": "the phone was roaming",
        "wifi": "the device was on Wi-Fi",
        "peer_unreachable": "the measurement server could not be reached",
        "paused": "measuring was paused by the customer",
        "battery_saver": "battery saving was on",
        "not_admitted": "the measurement server did not admit this device",
        "over_limit": "this device had used up what the measurement server allows",
        "quiet_hours": "the customer’s quiet hours",
        "late": "its moment had passed",
        "busy": "the device was busy with another test",
        "stopped": "measuring was stopped on the device",
        "campaign_near": "a campaign’s test was due",
    }
)
FLAWS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cross_traffic": "something else was using the line",
        "cpu_busy": "the device was too busy",
        "link_changed": "the connection changed on the way",
        "network_changed": "the mobile network changed on the way",
        "wifi": "measured over Wi-Fi",
        "by_hand": "started by hand",
        "loopback": "probe and server were on one machine",
        "no_link": "the device had no connection",
        "demand_unknown": "not known how much was asked for",
        "peer_fault": "the measurement server had a fault",
        "client_gap": "the other program's own figure is wrong",
        "short_window": "measured for too short a time",
        "vpn": "a VPN was on",
        "roaming": "the phone was roaming",
        "battery_saver": "battery saving was on",
        "clock_jumped": "the device's clock was set on the way",
        "receiver_limited": "the device itself took the data slowly",
        "link_lost": "the device lost its connection on the way",
        "cross_traffic_before": "something else was using the line just before",
        "cpu_busy_before": "the device was too busy just before",
        "cpu_core_busy": "the device was at the limit of one processor core",
        "memory_low": "the device was short of memory",
        "sim_ne_network": "measured on another network than the SIM's",
        "tethering": "others were using the device's connection",
        "thermal": "the device slowed itself down (heat or low voltage)",
        "cell_changed": "the mobile base station changed on the way",
        "technology_changed": "the mobile technology changed on the way",
        "clock_unsynced": "the device's clock was not set",
        "clock_stepped": "the device's clock was set on the way",
        "suspended": "the device slept on the way",
        "shaped_here": "the device itself may have held its line back to a rate",
        "client_limited": "near the limit of what the device can measure",
    }
)
# Who vouches for a signed record of a transfer.
GRADES: Final[Mapping[str, str]] = MappingProxyType(
    {
        Grade.COUNTER_SIGNED: "signed by both ends",
        Grade.ONE_SIDED: "signed by the device only",
    }
)
ONE_SIDED: Final[Mapping[str, str]] = MappingProxyType(
    {
        Reason.NO_COUNTER_SIGNATURE: "the server did not sign it",
        Reason.UNREADABLE: "what the server is said to have signed cannot be read",
        Reason.UNKNOWN_PEER: "signed by a server that is not trusted here",
        Reason.BAD_SIGNATURE: "the server's signature does not fit",
        Reason.OTHER_DEVICE: "the server signed for another device",
        Reason.SESSION_REUSED: "the server's word was used for an earlier record",
        Reason.OTHER_DIRECTION: "the server signed for the other direction",
        Reason.OTHER_START: "the server signed for another measurement",
        Reason.OTHER_SESSION: "the server signed for another transfer",
        Reason.NO_FIGURES: "the record has no amount or no time to compare",
        Reason.NOT_COUNTED: "the server could not count the data",
        Reason.OTHER_COUNT: "the device had shown the server another amount",
        Reason.OTHER_SERIES: "the record's samples do not add up to its amount",
        Reason.BYTES_APART: "the server counted another amount",
        Reason.DURATION_APART: "the server saw it take another time",
    }
)
LEFT_OUT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "other_direction": "measured in the other direction",
        "duplicate": "the same measurement twice",
        "outside_hours": "outside the hours that count",
        "outside_window": "outside the window",
        "not_finished": "not finished",
        "aborted": "broken off",
        "by_hand": "started by hand",
        "slot_mismatch": "dated outside their slot",
        "slot_repeated": "a second time in one slot",
        "contested": "from when the device’s key may have been in other hands",
        "no_figure": "without a result in it",
        "campaign": "measured for a campaign, and counted only there",
        "campaign_unknown": "for a campaign that was not fixed before them",
        "campaign_mismatch": "not as their campaign had planned them",
        "campaign_repeated": "a second time for one start of their campaign",
        "campaign_stopped": "after their campaign was given up",
    }
)
METHODS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "download": "Download",
        "upload": "Upload",
        "latency": "Latency",
        "fetch": "Web object",
        "loaded_latency": "Latency under load",
        "dns": "Name lookup",
        "path": "Path",
        "ookla": "speedtest-cli",
        "passive": "Reading",
        "ping": "Ping",
        "campaign": "Campaign",
        "reach": "What still answers",
        "presence": "Probe",
        "episode": "Probe",
        "mark": "The customer says",
    }
)
PHASES: Final[Mapping[str, str]] = MappingProxyType(
    {"all": "", "after": ", since the complaint", "before": ", before the complaint"}
)
# How the judge marks a line of its reasons, as a sign beside the word.
OUTCOMES: Final[Mapping[str, str]] = MappingProxyType({"holds": "✓", "fails": "✗", "met": "!", "not met": "–"})
ALARMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "chain_fork": "Two different batches claim one place in this device's chain: its past was rewritten.",
        "chain_gap": "A batch is missing from this device's chain.",
        "frozen_key": "A device whose chain forked goes on sending. Nothing is taken until it enrols anew.",
        "revoked_key": "A device that was removed goes on sending.",
        "bad_signature": "Something arrived under this device's name with a signature that does not fit.",
        "bad_digest": "Records were altered after they were signed.",
        "bad_statement": "A batch was signed and says something that cannot be.",
    }
)


def spelled(name: str) -> str:
    """A name that has no words yet, readable: underscores as spaces, what cannot be printed made visible."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name).replace("_", " ")


def said(table: Mapping[str, str], name: str) -> str:
    """What a table says of a name, else the name itself made readable."""
    found = table.get(name)
    return spelled(name) if found is None else found
