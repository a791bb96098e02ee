"""Strategies for records as the index meets them: of every method, with radio facts and notes, and with members gone odd."""

from hypothesis import strategies as st
from strategies import json_texts, json_values, rtts_us

from shared.strictjson import MAX_INTEGER, Json, JsonObject

WHOLE = st.integers(0, 10**7) | st.integers(-MAX_INTEGER, MAX_INTEGER)
RISING = st.lists(st.integers(0, 10**8), max_size=6).map(sorted)
METHODS = (
    "download", "upload", "latency", "fetch", "dns", "presence", "reach", "campaign", "episode", "mark", "passive", "ping",
)  # fmt: skip
FLAWS = ("wifi", "cross_traffic", "receiver_limited", 'a,"b"')
signals = st.fixed_dictionaries(
    {},
    optional={
        "radio": st.sampled_from(["lte", "nr"]),
        "mccmnc": st.sampled_from(["23001", "23003"]),
        **dict.fromkeys(["area", "cell", "pci", "band"], st.integers(0, 3)),
        **dict.fromkeys(["channel", "rsrp_dbm", "rsrq_ddb", "sinr_ddb"], WHOLE),
    },
)
radios = st.fixed_dictionaries(
    {},
    optional={
        "technology": st.sampled_from(["lte", "nr"]),
        "sim_mccmnc": st.just("23001"),
        "net_mccmnc": st.sampled_from(["23001", "23002"]),
        "located": st.booleans(),
        "signals": st.lists(signals, max_size=3),
    },
)
KNOWN: dict[str, st.SearchStrategy[Json]] = {
    "method": st.sampled_from(METHODS),
    "end": st.sampled_from(["ok", "ok", "failed", "not_started", "aborted", "other"]),
    "flaws": st.lists(st.sampled_from(FLAWS), max_size=2).map(list),
    "ctx": st.fixed_dictionaries({}, optional={"network_type": st.sampled_from(["mobile", "wifi"]), "x": st.just(1)}),
    "radio": radios,  # type: ignore[dict-item]
    "rtt_us": rtts_us.map(list),
    **dict.fromkeys(["t_us", "bytes", "held_bytes"], RISING),
    **dict.fromkeys(["flow_t_us", "flow_bytes", "flow_held_bytes"], st.lists(RISING, max_size=2)),
    **dict.fromkeys(["received_bytes", "dur_us", "warm_us", "until_us", "rate_bps", "loss_pm", "k"], WHOLE),
    "slot": st.integers(0, 5),
    "wall_us": st.integers(0, 4 * 86_400_000_000) | WHOLE,
    **dict.fromkeys(["failure", "stage", "reason", "campaign", "net", "sid"], st.sampled_from(["", "LTE", "x"])),
    **dict.fromkeys(["event", "reached", "words", "rungs", "failures", "after"], json_texts),
    "since_wall_us": WHOLE,
}


@st.composite
def odd_members(draw: st.DrawFn) -> JsonObject:
    """The members of one record without its number; now and then one of them is something that it must not be."""
    members: JsonObject = dict(draw(st.fixed_dictionaries({}, optional=KNOWN)))
    for name in draw(st.lists(st.sampled_from([*KNOWN, "co", "unknown"]), max_size=2)):
        members[name] = draw(json_values)
    return members


@st.composite
def paired_series(draw: st.DrawFn) -> JsonObject:
    """A finished transfer whose samples fit each other, so that most have a rate."""
    flows = draw(st.integers(1, 3))
    length = draw(st.integers(1, 6))
    rising = st.lists(st.integers(0, 10**7), min_size=length, max_size=length).map(sorted)
    times: list[Json] = [draw(rising) for _ in range(flows)]
    counts: list[Json] = [draw(rising) for _ in range(flows)]
    held: list[Json] = [draw(rising) for _ in range(flows)]
    members: JsonObject = {
        "dur_us": draw(st.integers(1, 10**8)), "end": "ok", "method": "download", "received_bytes": draw(st.integers(0, 10**9)),
        "warm_us": draw(st.integers(0, 10**7)), "flow_t_us": times, "flow_bytes": counts,
    }  # fmt: skip
    if draw(st.booleans()):
        members["flow_held_bytes"] = held
    if draw(st.booleans()):
        members["until_us"] = draw(st.integers(0, 10**7))
    return members
