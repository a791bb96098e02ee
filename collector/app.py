"""The collector's HTTP application: wiring, and one table from errors to answers."""

import json
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import Route

from collector.api import desk as desk_routes
from collector.api import invitation as invitation_routes
from collector.api import log as log_routes
from collector.api import operator as operator_routes
from collector.api import overview as overview_routes
from collector.api import probes as probe_routes
from collector.api import transfers as transfer_routes
from collector.api import verifying as verify_routes
from collector.api.door import PATH, Door
from collector.api.intake import Intake
from collector.api.problems import problem
from collector.complain import Complaints
from collector.enrol import Portal
from collector.errors import BadRequest, NotFound
from collector.ingest import Ingest
from collector.services import Services
from collector.transfers import Transfers
from collector.web.page import render_error
from shared.errors import SpeedproofError


def create_app(services: Services, desk_token: str) -> FastAPI:
    """The application over these services. `desk_token` opens the desk's pages and commands."""
    app = FastAPI(title="speedproof collector", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.services = services
    app.state.desk_token = desk_token
    app.state.portal = Portal(services)
    app.state.complaints = Complaints(services)
    app.state.transfers = Transfers(services)
    app.state.intake = Intake(most_bytes=2 * desk_routes.LIMIT)
    app.router.routes.append(Route(PATH, Door(Ingest(services).take, Intake(), services.metrics), methods=["POST"]))
    app.include_router(probe_routes.router)
    app.include_router(transfer_routes.router)
    app.include_router(desk_routes.router)
    app.include_router(invitation_routes.router)
    app.include_router(operator_routes.router)
    app.include_router(log_routes.router)
    app.include_router(overview_routes.router)
    app.include_router(verify_routes.router)
    app.add_exception_handler(SpeedproofError, _refuse)
    app.add_exception_handler(HTTPException, _refuse_route)
    app.add_exception_handler(RequestValidationError, _refuse_parameters)
    return app


async def _refuse_route(request: Request, error: Exception) -> Response:
    """Answer what the framework itself refuses (no such route, no such method) like everything else."""
    if not isinstance(error, HTTPException):
        raise error
    kind = NotFound if error.status_code == HTTPStatus.NOT_FOUND else BadRequest
    status = HTTPStatus(error.status_code)
    _, headers, body = problem(kind(str(error.detail)))
    answer = _answer(request, status, headers, body | {"title": status.phrase, "status": status.value})
    answer.headers.update(error.headers or {})
    return answer


async def _refuse_parameters(request: Request, error: Exception) -> Response:
    """Answer what a route's parameters cannot be, each by its name."""
    if not isinstance(error, RequestValidationError):
        raise error
    told = (
        f"{one['loc'][-1]}: {'not known here' if one['type'] == 'extra_forbidden' else one['msg']}"
        for one in error.errors()
    )
    return await _refuse(request, BadRequest("; ".join(told)))


async def _refuse(request: Request, error: Exception) -> Response:
    """Answer an error from the table."""
    if not isinstance(error, SpeedproofError):
        raise error
    return _answer(request, *problem(error))


def _answer(request: Request, status: int, headers: dict[str, str], body: dict[str, object]) -> Response:
    """A page to a browser, problem+json to everybody else."""
    if "text/html" in request.headers.get("accept", ""):
        page = render_error(status, str(body["title"]), str(body["detail"]))
        told = {name: value for name, value in headers.items() if name != "Content-Type"}
        return HTMLResponse(page, status_code=status, headers=told | dict(desk_routes.PAGE_HEADERS))
    return Response(json.dumps(body), status_code=status, headers=headers)
