"""The routes probes use. Whoever calls proves himself by what he signed; there is no session."""

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import Response

from collector.api.given import GivenComplaints, GivenIntake, GivenPortal, GivenServices
from collector.keychange import rotate
from collector.registry import Device
from collector.services import Services
from shared import strictjson
from shared.dsse import MAX_ENVELOPE_BYTES, b64, read_envelope
from shared.errors import BadFormat, Malformed
from shared.keys import PublicKey
from shared.rotation import Whose

router = APIRouter(prefix="/v1")


@router.post("/enrolments")
async def post_enrolment(
    request: Request, portal: GivenPortal, services: GivenServices, intake: GivenIntake
) -> Response:
    """Enrol a device's key with a one-time code: `{"code", "request"}`, the request being a DSSE envelope."""
    async with intake.body(request, "application/json", MAX_ENVELOPE_BYTES) as body:
        code, asked = _asked(body)
    device = await asyncio.to_thread(portal.enrol, code, strictjson.encode(asked))
    return Response(_enrolled(services, device), status_code=201, media_type="application/json")


def _asked(body: bytes) -> tuple[str, strictjson.JsonObject]:
    """The code and the envelope; raises BadFormat."""
    try:
        told = strictjson.decode(body)
        code, asked = told["code"], told["request"]
        if not isinstance(code, str) or not isinstance(asked, dict):
            raise Malformed("code is text and request an envelope")
    except (Malformed, KeyError) as error:
        raise BadFormat(2, f"an enrolment is {{code, request}} in strict JSON: {error}") from error
    return code, asked


def _enrolled(services: Services, device: Device) -> bytes:
    """What a device needs to know from now on."""
    return strictjson.encode(
        {
            "collector": b64(services.collector_key.public.spki),
            "enrolment": strictjson.decode(device.enrolment),
            "history": _history(services),
            "peer": dict(services.peer or {}),
            "portal": b64(_portal_of(services, device).spki),
            "slots": {"guard_s": device.plan.guard_s, "slot_s": device.plan.slot_s},
            "subscriber": device.subscriber,
            "time_zone": services.registry.subscribers[device.subscriber].time_zone,
        }
    )


def _history(services: Services) -> strictjson.JsonObject:
    """By which rotations the keys came to be in use: who was told an older one is led to the newer."""
    return {whose.value: line.told for whose, line in services.server_keys.lines.items()}


def _portal_of(services: Services, device: Device) -> PublicKey:
    """The portal's key that a device's enrolment was signed with."""
    return services.server_keys.lines[Whose.PORTAL].of(read_envelope(device.enrolment).key_id)


@router.post("/rotations")
async def post_rotation(request: Request, services: GivenServices, intake: GivenIntake) -> Response:
    """Have another key take a device's place: `{"rotation"}`, a DSSE envelope; 201, or 200 if it has done so before."""
    async with intake.body(request, "application/json", MAX_ENVELOPE_BYTES) as body:
        line = _rotation(body)
    device, is_new = await asyncio.to_thread(rotate, services, line)
    told = strictjson.encode({"device": device.name, "key": device.key.key_id})
    return Response(told, status_code=201 if is_new else 200, media_type="application/json")


def _rotation(body: bytes) -> bytes:
    """The envelope; raises BadFormat."""
    try:
        asked = strictjson.decode(body)["rotation"]
        if not isinstance(asked, dict):
            raise Malformed("it is an envelope")
    except (Malformed, KeyError) as error:
        raise BadFormat(2, f"a rotation is {{rotation}} in strict JSON: {error}") from error
    return strictjson.encode(asked)


@router.post("/complaints")
async def post_complaint(request: Request, complaints: GivenComplaints, intake: GivenIntake) -> Response:
    """Keep a signed complaint: 201, or 200 if it was kept before."""
    async with intake.body(request, "application/json", MAX_ENVELOPE_BYTES) as body:
        entry, is_new = await complaints.take(body.rstrip(b"\n"))
    told = strictjson.encode({"entry": entry.no, "received_us": entry.at_us})
    return Response(told, status_code=201 if is_new else 200, media_type="application/json")


@router.get("/collector")
async def get_collector(services: GivenServices) -> Response:
    """Who this collector is: its keys (SPKI, base64), those before them with their rotations, and its peer."""
    told = strictjson.encode(
        {
            "collector": b64(services.collector_key.public.spki),
            "history": _history(services),
            "peer": dict(services.peer or {}),
            "portal": b64(services.portal_key.public.spki),
        }
    )
    return Response(told, media_type="application/json")
