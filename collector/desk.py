"""The desk's commands: one function each, JSON object in, JSON object out, whether called in this process or over HTTP."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from collector import keychange, retain
from collector.case import MOMENT_S, case_of, subscriber_of
from collector.enrol import Portal
from collector.errors import BadRequest, NotFound
from collector.evidence.bundle import make_evidence
from collector.fleet import cell_of, cells_of, days_of, fleet_of
from collector.imports import keep_import
from collector.lines import add_subscriber
from collector.moments import moment_us
from collector.report.make import make_report
from collector.services import Services
from collector.store.rows import MADE
from collector.view import Counts
from collector.web.page import SubscriberLine
from shared.dsse import b64
from shared.enrolment import show_code

MOST_CODE_MINUTES = 366 * 24 * 60
Told = Mapping[str, Any]
Result = dict[str, Any]


def run(command: str, services: Services, portal: Portal, told: Told) -> Result:
    """Run a command by name; raises NotFound for an unknown one and whatever the command raises."""
    found = COMMANDS.get(command)
    if found is None:
        raise NotFound(f"there is no command {command!r}")
    return found(services, portal, told)


def all_lines(services: Services) -> list[SubscriberLine]:
    """Every subscriber with the counts of his signed measurements, in the order of their ids; nothing is judged here."""
    services.learning.learn()
    services.indexer.comes_to(services.ledger.newest_no(), MOMENT_S)
    names = sorted(services.registry.subscribers)
    return [SubscriberLine(name, counts=services.store.counts(name).get("signed", Counts())) for name in names]


def _text(told: Told, name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or not value:
        raise BadRequest(f"{name} is missing or not text")
    return value


def _subscriber_add(services: Services, _: Portal, told: Told) -> Result:
    subscriber, is_new = add_subscriber(services, told)
    return {
        "subscriber": subscriber.id,
        "time_zone": subscriber.time_zone,
        "criterion": subscriber.criterion,
        "contract": {direction: dict(speeds) for direction, speeds in subscriber.contract.items()},
        "added": is_new,
    }


def _code(services: Services, portal: Portal, told: Told) -> Result:
    minutes = services.config.code_minutes if told.get("minutes") is None else told["minutes"]
    if type(minutes) is not int or not 1 <= minutes <= MOST_CODE_MINUTES:
        raise BadRequest(f"a code lives for 1 minute to {MOST_CODE_MINUTES // (24 * 60)} days")
    code, expires_us = portal.give_code(_text(told, "subscriber"), minutes)
    return {
        "subscriber": told["subscriber"],
        "code": show_code(code),
        "expires_us": expires_us,
        "minutes": minutes,
        "collector_key": services.collector_key.public.key_id,
    }


def _import(services: Services, _: Portal, told: Told) -> Result:
    subscriber = subscriber_of(services, _text(told, "subscriber"))
    try:
        body = base64.b64decode(_text(told, "lines_b64"), validate=True)
    except ValueError as error:
        raise BadRequest("lines_b64 is not base64") from error
    return keep_import(
        services,
        subscriber,
        _text(told, "format"),
        _text(told, "file"),
        _text(told, "sha256"),
        _text(told, "reading"),
        body,
    )


def _judge(services: Services, _: Portal, told: Told) -> Result:
    criterion = told.get("criterion")
    case, _rows = case_of(services, _text(told, "subscriber"), criterion if isinstance(criterion, str) else None)
    return {
        "subscriber": case.subscriber,
        "as_of_us": case.as_of_us,
        "verdict": case.verdicts[0].verdict,
        "counts": {provenance: asdict(counts) for provenance, counts in case.counts.items()},
        "verdicts": [asdict(verdict) for verdict in case.verdicts],
    }


def _case_show(services: Services, _: Portal, told: Told) -> Result:
    return asdict(case_of(services, _text(told, "subscriber"))[0])


def _evidence(services: Services, _: Portal, told: Told) -> Result:
    data = make_evidence(services, _text(told, "subscriber"))
    return {"zip_b64": base64.b64encode(data).decode(), "bytes": len(data)}


def _report(services: Services, _: Portal, told: Told) -> Result:
    made = make_report(services, _text(told, "subscriber"))
    pdf_b64 = base64.b64encode(made.pdf).decode()
    return {"pdf_b64": pdf_b64, "bytes": len(made.pdf), "signature": made.level, "whole": made.whole}


def _position(services: Services, _: Portal, __: Told) -> Result:
    services.publisher.comes_to(services.ledger.newest_no(), MOMENT_S)
    published = services.publisher.published  # before the ledger's newest entry: its tree is of entries up to that
    told: Result = {
        "log": None if published is None else published.note.decode(),
        "log_wrong": services.publisher.wrong,
    }
    told["peers"] = [b64(key.spki) for key in services.peers.values()]
    told |= {"ledger_no": services.ledger.newest_no(), "index_no": services.store.loaded_no(services.config.stream)}
    return told | {"collector": b64(services.collector_key.public.spki)}


def _held_batches(services: Services, _: Portal, told: Told) -> Result:
    after_no, up_to_no = told.get("after_no"), told.get("up_to_no")
    if type(after_no) is not int or type(up_to_no) is not int:
        raise BadRequest("after_no and up_to_no are whole numbers")
    rows = services.store.held_batches(after_no, up_to_no, services.config.stream)
    return {"batches": [asdict(row) for row in rows]}


def _rows_made(services: Services, _: Portal, told: Told) -> Result:
    table, numbers = _text(told, "table"), told.get("numbers")
    if table not in MADE or not isinstance(numbers, list) or not all(type(no) is int for no in numbers):
        raise BadRequest("table is a table's name, numbers are whole numbers")
    rows = services.store.rows_made(table, numbers, services.config.stream)
    return {"rows": [row | {"session": str(row["session"])} if row.get("session") is not None else row for row in rows]}


def _device_key(services: Services, _: Portal, told: Told) -> Result:
    dev = _text(told, "dev")
    found = services.found(lambda: services.registry.devices.get(dev))
    return {"spki": None, "name": None} if found is None else {"spki": b64(found.key.spki), "name": found.name}


def _revoke(services: Services, _: Portal, told: Told) -> Result:
    since, now_us = told.get("stolen_since"), services.clock.wall_us()
    since_us = None if since is None else moment_us("stolen-since", since, now_us)
    if since_us is not None and since_us > now_us:
        raise BadRequest("stolen-since is in the future")
    device, is_new = keychange.revoke(services, _text(told, "device"), _text(told, "reason"), since_us)
    result = {"device": device.name, "key": device.key.key_id, "subscriber": device.subscriber, "new": is_new}
    return result | ({} if device.revoked is None else asdict(device.revoked))


def _fleet(services: Services, _: Portal, told: Told) -> Result:
    return asdict(fleet_of(services, told))


def _cells(services: Services, _: Portal, told: Told) -> Result:
    return asdict(cells_of(services, told) if told.get("cell") is None else cell_of(services, told))


def _days(services: Services, _: Portal, told: Told) -> Result:
    return asdict(days_of(services, told))


def _retain_segments(services: Services, _: Portal, __: Told) -> Result:
    return {"segments": retain.candidates(services)}


def _retain_outlook(services: Services, _: Portal, told: Told) -> Result:
    return asdict(retain.outlook(services, _text(told, "segment"), retain.days_of(told.get("days"))))


def _retain(services: Services, _: Portal, told: Told) -> Result:
    return asdict(retain.retain(services, _text(told, "segment"), retain.days_of(told.get("days"))))


COMMANDS: Mapping[str, Callable[[Services, Portal, Told], Result]] = {
    "subscriber_add": _subscriber_add,
    "code": _code,
    "import": _import,
    "judge": _judge,
    "case_show": _case_show,
    "evidence": _evidence,
    "report": _report,
    "position": _position,
    "held_batches": _held_batches,
    "rows_made": _rows_made,
    "fleet": _fleet,
    "cells": _cells,
    "days": _days,
    "retain_segments": _retain_segments,
    "retain_outlook": _retain_outlook,
    "retain": _retain,
    "device_key": _device_key,
    "revoke": _revoke,
}
