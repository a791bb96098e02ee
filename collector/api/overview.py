"""The routes that tell programs of fleet, cells and days: what the commands of those names say, by GET, as JSON or CSV.

With the desk's token as bearer. A parameter that is not known, or comes twice, is refused. `/v1/openapi.json` describes them.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from fastapi.openapi.utils import get_openapi
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from collector.api.given import EACH_ONCE, DeskCommand, GivenServices
from collector.api.problems import MEDIA_TYPE
from collector.bounds import CELL_DAYS, DAYS_SHOWN, FLEET_DAYS, LINE_DAYS, MOST
from collector.fleet import cell_of, cells_of, days_of, fleet_of
from collector.moments import FORMS
from collector.overview import CellsView, CellView, DaysView, FleetView
from collector.services import Services
from collector.tables import TABLES, csv_of

_NAMED: Final = {"type": "object", "properties": {"error": {"type": "string"}, "detail": {"type": "string"}}}
_PROBLEM: Final[dict[str, Any]] = {"content": {MEDIA_TYPE: {"schema": _NAMED}}}
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    400: _PROBLEM
    | {"description": "`bad_request`: a moment without a zone, a stretch that is too long, an unknown name"},
    401: _PROBLEM | {"description": "`not_allowed`: the desk's token is missing"},
    404: _PROBLEM | {"description": "`not_found`: no such line, or nothing was ever measured in such a cell"},
    503: _PROBLEM | {"description": "the index does not answer; try again later"},
}
router = APIRouter(prefix="/v1", responses=_ANSWERS, dependencies=[EACH_ONCE])


class Asked(BaseModel):
    """What each of these routes takes."""

    model_config = ConfigDict(extra="forbid")
    since: str | None = Field(None, description=f"from when on: {FORMS}")
    zone: str | None = Field(None, description="the IANA zone of moments that name none")
    format: Literal["json", "csv"] = "json"


class AskedOfFleet(Asked):
    """The fleet."""

    most: int | None = Field(None, ge=1, le=MOST, description="at most so many silent devices")


class AskedOfDays(Asked):
    """A line's days."""

    until: str | None = Field(None, description="up to when, that moment itself not; now if absent")


class AskedOfCell(AskedOfDays):
    """A cell."""

    direction: Literal["down", "up", "round_trip"] = "down"


class AskedOfCells(AskedOfCell):
    """Cells."""

    most: int | None = Field(None, ge=1, le=MOST, description="at most so many rows")
    hours: bool = Field(False, description="the worst single hours in place of the worst cells")  # noqa: FBT003 - so pydantic


@router.get("/fleet", response_model=FleetView, summary=f"How all devices are, since at most {FLEET_DAYS} days ago")
async def get_fleet(asked: Annotated[AskedOfFleet, Query()], services: GivenServices, _: DeskCommand) -> Response:
    """How many devices were heard, which are silent, what was lost and refused, how far the index is behind."""
    return await _answer("fleet", fleet_of, services, asked)


@router.get(
    "/cells", response_model=CellsView, summary=f"The worst cells, or hours of cells, of at most {CELL_DAYS} days"
)
async def get_cells(asked: Annotated[AskedOfCells, Query()], services: GivenServices, _: DeskCommand) -> Response:
    """Cells with enough measurements by enough devices, the worst first."""
    return await _answer("cells", cells_of, services, asked)


@router.get("/cells/{cell}", response_model=CellView, summary=f"One cell by the hour, at most {CELL_DAYS} days")
async def get_cell(
    cell: str, asked: Annotated[AskedOfCell, Query()], services: GivenServices, _: DeskCommand
) -> Response:
    """One cell, such as `23001-21263107` (MCC and MNC, a dash, ECI); of hours of few devices nothing is told."""
    return await _answer("cells", cell_of, services, asked, cell=cell)


@router.get(
    "/lines/{subscriber}/days",
    response_model=DaysView,
    summary=f"A line's days by its own clock, at most {LINE_DAYS}; the last {DAYS_SHOWN} if nothing is asked for",
)
async def get_days(
    subscriber: str, asked: Annotated[AskedOfDays, Query()], services: GivenServices, _: DeskCommand
) -> Response:
    """Every day that the stretch touches, each as a whole."""
    return await _answer("days", days_of, services, asked, subscriber=subscriber)


@router.get("/openapi.json", include_in_schema=False)
async def get_document(_: DeskCommand) -> Response:
    """What these routes take and give (OpenAPI 3.1)."""
    told = get_openapi(title="speedproof collector: fleet, cells, days", version="1", routes=router.routes)
    return Response(json.dumps(told), media_type="application/json")


async def _answer(
    name: str, run: Callable[[Services, Mapping[str, Any]], Any], services: Services, asked: Asked, **path: str
) -> Response:
    told = asked.model_dump(exclude_none=True, exclude={"format"}) | path
    found = asdict(await asyncio.to_thread(run, services, told))
    if asked.format == "csv":
        return Response(csv_of(TABLES[name](found)), media_type="text/csv; charset=utf-8; header=present")
    return Response(json.dumps(found), media_type="application/json")
