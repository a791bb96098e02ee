"""What a campaign will cost, and what its rule needs that this device did not show lately: told before it begins. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from probe.catalogue import METHODS
from probe.measure.transfer import TransferPlan
from probe.remembered import used_bytes
from shared import kpi
from shared.record import Record
from shared.sampling import FIRST_OF_HOUR, Need, Rule
from shared.strictjson import Json


def worst_bytes(methods: Iterable[str], plan: str, starts: int) -> int:
    """What the tests of a campaign may cost at most."""
    return starts * sum(METHODS[one].cost_bytes(METHODS[one].plan_beside(plan)) for one in methods)


def usual_bytes(methods: Iterable[str], plan: str, starts: int, recent: Sequence[Record]) -> int | None:
    """What they will cost as a rule; None if nothing that was measured lately tells.

    By the median of what such tests used, else by the median rate that shorter ones found, for as long as the plan loads
    the line. What loads no line costs what it costs at most.
    """
    each = [_usual_bytes(method, METHODS[method].plan_beside(plan), recent) for method in methods]
    return None if None in each else starts * sum(one for one in each if one is not None)


def _usual_bytes(method: str, plan: str, recent: Sequence[Record]) -> int | None:
    of_method = [one for one in recent if one.method == method]
    used = [used_bytes(one) for one in of_method if one.text("plan") == plan]
    if known := sorted(one for one in used if one):
        return known[len(known) // 2]
    worst, whole = METHODS[method].cost_bytes(plan), METHODS[method].plans[plan]
    if not isinstance(whole, TransferPlan):
        return worst
    rates = sorted(rate for one in of_method if (rate := kpi.rate_bps(one)) is not None)
    return min(worst, rates[len(rates) // 2] * whole.duration_us // 8_000_000) if rates else None


def lacks(rule: Rule, recent: Sequence[Record], *, location: bool) -> tuple[str, ...]:
    """What the rule needs of every test and the last measurement did not show, in words; `recent`: newest first.

    `location`: whether the owner lets the place be recorded.
    """
    seen = next((one for one in recent if isinstance(one.fields.get("ctx"), dict)), None)
    if seen is None:
        return ("nothing was measured yet, so it is not known whether this device shows what the rule needs",)
    told = dict.fromkeys(
        f"the rule needs {words}" for need in rule.needs if (words := _LACKS[need.predicate](need, seen))
    )
    if not location and any(need.predicate == "located" for need in rule.needs):
        told[NO_LOCATION] = None
    return tuple(told)


NO_LOCATION: Final = (
    "the rule needs a location in every test: it is switched off here, and [radio] location = true in settings.toml "
    "lets it be recorded"
)


def _of(record: Record, group: str) -> Mapping[str, Json]:
    found = record.fields.get(group)
    return found if isinstance(found, dict) else {}


def _network(need: Need, seen: Record) -> str:
    kind = _of(seen, "ctx").get("network_type")
    return (
        ""
        if kind in need.told
        else f"every test over {' or '.join(need.told)}: the last one ran over {kind or 'an unknown kind'}"
    )


def _flaws(need: Need, seen: Record) -> str:
    found = [one for one in seen.texts("flaws") if need.told == ("any",) or one in need.told]
    return f"tests without a flaw: the last one had {', '.join(found)} and would not count" if found else ""


def _home(need: Need, seen: Record) -> str:
    net = _of(seen, "radio").get("net_mccmnc")
    known = isinstance(net, str) and net.startswith(need.told[0])
    return "" if known else f"a network of country code {need.told[0]}: the last test told {net or 'none'}"


def _sim(_: Need, seen: Record) -> str:
    radio = _of(seen, "radio")
    sim, net = radio.get("sim_mccmnc"), radio.get("net_mccmnc")
    if sim is not None and sim == net:
        return ""
    return f"the SIM in its own network: the last test told SIM {sim or 'unknown'}, network {net or 'unknown'}"


def _signal(_: Need, seen: Record) -> str:
    signals = _of(seen, "radio").get("signals")
    read = [one for one in signals if isinstance(one, dict) and "rsrp_dbm" in one] if isinstance(signals, list) else []
    return "" if read else "the signal's strength (RSRP) in every test: the last one could not read it"


def _nothing(_need: Need, _seen: Record) -> str:
    return ""


_LACKS: Final[Mapping[str, Callable[[Need, Record], str]]] = MappingProxyType(
    {
        "no_flaw": _flaws,
        "finished": _nothing,
        "hours": _nothing,
        "network_type": _network,
        "located": _nothing,  # the owner's choice, see above
        "network_of": _home,
        "sim_is_network": _sim,
        "one_network": _nothing,
        "rsrp_known": _signal,
        "rsrp_against_limit": _nothing,
        FIRST_OF_HOUR: _nothing,
    }
)
