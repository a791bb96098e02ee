"""What the record of a transfer says of its flows: their series, the interval of the rate, the peer's words, the wire.

Pure. Which flows carried load, and whether there is a rate at all, is decided in `probe.measure.flows`.
"""

from collections.abc import Sequence

from probe.measure.flow import Flow
from probe.measure.outcome import Value
from probe.measure.steady import GRID_US, Estimate, estimate, last_estimate
from probe.measure.transfer import LEAST_RAMP_US, RAMP_ROUND_TRIPS, Ending, TransferPlan


def series_members(flows: Sequence[Flow]) -> dict[str, Value]:
    """Each flow's samples up to its last byte; one flow's as plain lists."""
    kept = [flow.samples.until_grown() for flow in flows]
    held = [held for _, _, held in kept]
    if len(kept) == 1:
        times, counts, _ = kept[0]
        single: dict[str, Value] = {"t_us": times, "bytes": counts}
        return single | ({"held_bytes": held[0]} if any(held[0]) else {})
    members: dict[str, Value] = {"flow_t_us": [times for times, _, _ in kept]}
    members["flow_bytes"] = [counts for _, counts, _ in kept]
    return members | ({"flow_held_bytes": held} if any(map(any, held)) else {})


def interval_members(
    plan: TransferPlan, flows: Sequence[Flow], points: Sequence[int], found: Estimate | None, round_trip_us: int
) -> dict[str, Value]:
    """The stated interval of the rate, and the window it was taken over where the plan does not fix it."""
    end_us = min(flow.samples.grown_us for flow in flows)
    if plan.light:
        warm_us = max(LEAST_RAMP_US, RAMP_ROUND_TRIPS * round_trip_us)
        found = found or last_estimate(points[: end_us // GRID_US + 1], warm_us)
        return {} if found is None else {"warm_us": found.from_us, "until_us": found.until_us} | found.members()
    start, end = -(-plan.warm_us // GRID_US), min(end_us // GRID_US, len(points) - 1)
    found = estimate(points, start, end) if end > start else None
    return {} if found is None else found.members()


def peer_members(flows: Sequence[Flow], congestion: set[str]) -> dict[str, Value]:
    """What the peer said of all flows, and what was wrong with it."""
    members: dict[str, Value] = {}
    claims = [flow.peer.last for flow in flows if flow.peer.last is not None]
    if claims and len(claims) == len(flows):
        members |= {"peer_bytes": sum(claim.count_bytes for claim in claims), "counted": claims[0].counted}
        members["peer_dur_us"] = max(claim.elapsed_us for claim in claims)
    if congestion:
        members["cc"] = ",".join(sorted(congestion))
    if any(flow.false_claim for flow in flows):
        members["peer_inconsistent"] = True
    status = next((flow.status for flow in flows if flow.status is not None), None)
    if status is not None:
        members["status"] = status
    if any(flow.cut for flow in flows):
        members["closed"] = Ending.EOF.value
    return members


def wire_members(flows: Sequence[Flow]) -> dict[str, Value]:
    """The kernel's counts of all flows, if it told every one."""
    wires = [flow.wire for flow in flows if flow.wire is not None]
    if len(wires) != len(flows):
        return {}
    return {"tcp_rx_bytes": sum(rx for rx, _ in wires), "tcp_tx_bytes": sum(tx for _, tx in wires)}
