"""The routes of the support desk: its pages, and the commands of the command line while a collector is running."""

import asyncio
import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from collector import desk
from collector.api.given import COOKIE, EACH_ONCE, DeskCommand, DeskReader, GivenIntake, GivenPortal, GivenServices
from collector.case import page_of
from collector.errors import BadRequest
from collector.evidence.bundle import make_evidence
from collector.fleet import WEEK_DAYS, cell_week, cells_of, fleet_of
from collector.report.make import make_report
from collector.web.page import (
    CONTENT_SECURITY_POLICY,
    render_cell,
    render_cells,
    render_fleet,
    render_list,
    render_page,
)

LIMIT = 64 * 1024 * 1024
PAGE_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
router = APIRouter(dependencies=[EACH_ONCE])


@router.post("/v1/desk/{command}")
async def post_command(
    command: str, request: Request, services: GivenServices, portal: GivenPortal, intake: GivenIntake, _: DeskCommand
) -> Response:
    """Run one command of the command line; its arguments and its result are JSON objects."""
    async with intake.body(request, "application/json", LIMIT) as body:
        try:
            told: Any = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise BadRequest(f"the arguments are not JSON: {error}") from error
    if not isinstance(told, dict):
        raise BadRequest("the arguments are not a JSON object")
    result = await asyncio.to_thread(desk.run, command, services, portal, told)
    return Response(json.dumps(result), media_type="application/json")


@router.get("/subscriber/{subscriber}", response_model=None)
async def get_subscriber(subscriber: str, request: Request, services: GivenServices, token: DeskReader) -> Response:
    """The page of one subscriber."""
    if "key" in request.query_params:
        return _without_key(request, token)
    return _html(render_page(*await asyncio.to_thread(page_of, services, subscriber)))


@router.get("/subscriber/{subscriber}/evidence.zip", response_model=None)
async def get_evidence(subscriber: str, request: Request, services: GivenServices, token: DeskReader) -> Response:
    """The evidence file of one subscriber's case."""
    if "key" in request.query_params:
        return _without_key(request, token)
    return _file(await asyncio.to_thread(make_evidence, services, subscriber), "application/zip", "evidence.zip")


@router.get("/subscriber/{subscriber}/report.pdf", response_model=None)
async def get_report(subscriber: str, request: Request, services: GivenServices, token: DeskReader) -> Response:
    """The signed report on one subscriber's case."""
    if "key" in request.query_params:
        return _without_key(request, token)
    made = await asyncio.to_thread(make_report, services, subscriber)
    return _file(made.pdf, "application/pdf", "report.pdf")


@router.get("/fleet", response_model=None)
async def get_fleet(request: Request, services: GivenServices, token: DeskReader) -> Response:
    """The page of all devices, since `since`."""
    if "key" in request.query_params:
        return _without_key(request, token)
    told = dict(request.query_params)
    return _html(render_fleet(await asyncio.to_thread(fleet_of, services, told)))


@router.get("/cells", response_model=None)
async def get_cells(request: Request, services: GivenServices, token: DeskReader) -> Response:
    """The page of the worst cells of the last days."""
    if "key" in request.query_params:
        return _without_key(request, token)
    return _html(render_cells(await asyncio.to_thread(cells_of, services, {"since": f"{WEEK_DAYS}d"})))


@router.get("/cell/{cell}", response_model=None)
async def get_cell(cell: str, request: Request, services: GivenServices, token: DeskReader) -> Response:
    """The page of one cell, the days before `until`."""
    if "key" in request.query_params:
        return _without_key(request, token)
    return _html(render_cell(await asyncio.to_thread(cell_week, services, cell, dict(request.query_params))))


@router.get("/", response_model=None)
async def get_subscribers(request: Request, services: GivenServices, token: DeskReader) -> Response:
    """The page that lists all subscribers."""
    if "key" in request.query_params:
        return _without_key(request, token)
    return _html(render_list(await asyncio.to_thread(desk.all_lines, services)))


def _without_key(request: Request, token: str) -> Response:
    """Move the token from the address, where it would be copied along, into a cookie."""
    answer = RedirectResponse(request.url.path, status_code=303)
    answer.set_cookie(COOKIE, token, httponly=True, samesite="lax", secure=request.url.scheme == "https")
    return answer


def _file(data: bytes, media_type: str, name: str) -> Response:
    told = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(data, media_type=media_type, headers=told | {"X-Content-Type-Options": "nosniff"})


def _html(page: str) -> HTMLResponse:
    return HTMLResponse(page, headers=PAGE_HEADERS)
