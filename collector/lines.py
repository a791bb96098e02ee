"""Subscribers' lines: adding one, with what its contract promises."""

import re
from collections.abc import Mapping

from collector.contracts import AREAS, SPEEDS
from collector.criteria import unknown_criterion
from collector.errors import BadRequest, Conflict
from collector.ledger.frame import Draft, EntryKind
from collector.registry import Subscriber, read_subscriber
from collector.services import Services
from collector.zones import zone_named
from shared import strictjson
from shared.errors import Malformed
from shared.strictjson import JsonObject

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def add_subscriber(services: Services, fields: Mapping[str, object]) -> tuple[Subscriber, bool]:
    """Add a line, or find it there saying the same; raises BadRequest or Conflict. The second value: whether it is new."""
    told: JsonObject = {name: value for name, value in fields.items() if value is not None}  # type: ignore[misc]
    _check(services, told)
    try:
        body = strictjson.encode(told)
        wanted = read_subscriber(told, services.clock.wall_us())
    except Malformed as error:
        raise BadRequest(str(error)) from error

    def make() -> Draft | None:
        there = services.registry.subscribers.get(wanted.id)
        if there is None:
            return Draft(EntryKind.SUBSCRIBER, {}, body + b"\n")
        if read_subscriber(told, there.added_us) != there:
            raise Conflict(f"subscriber {wanted.id!r} is there already with another contract")
        return None

    with services.changing:
        entry = services.keep(make)
        return services.registry.subscribers[wanted.id], entry is not None


def _check(services: Services, told: JsonObject) -> None:
    """Refuse what nobody could judge later: an unknown zone, rule, speed or area."""
    unknown = set(told) - {"id", "time_zone", "criterion", "contract", "area_class"}
    if unknown:
        raise BadRequest(f"unknown members: {', '.join(sorted(unknown))}")
    if not isinstance(told.get("id"), str) or not _ID.fullmatch(str(told["id"])):
        raise BadRequest("a subscriber's id has 1 to 64 letters, digits, dots, dashes or underscores")
    zone_named(str(told.get("time_zone", "")))
    if str(told.get("criterion")) not in services.criteria:
        raise BadRequest(unknown_criterion(told.get("criterion"), services.criteria))
    if told.get("area_class", "urban") not in AREAS:
        raise BadRequest(f"area_class is one of {', '.join(AREAS)}")
    contract = told.get("contract")
    if not isinstance(contract, dict) or not contract or set(contract) - {"down", "up"}:
        raise BadRequest("contract holds down and up")
    for direction, speeds in contract.items():
        if not isinstance(speeds, dict) or not speeds or set(speeds) - set(SPEEDS):
            raise BadRequest(f"contract.{direction} holds any of {', '.join(SPEEDS)}")
