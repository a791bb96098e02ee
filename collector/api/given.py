"""What a route may ask for: every dependency of the HTTP surface, in one place."""

import hmac
from typing import Annotated

from fastapi import Depends, Request

from collector.api.intake import Intake
from collector.complain import Complaints
from collector.enrol import Portal
from collector.errors import BadRequest, NotAllowed
from collector.services import Services
from collector.transfers import Transfers

COOKIE = "speedproof_desk"


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _portal(request: Request) -> Portal:
    portal: Portal = request.app.state.portal
    return portal


def _complaints(request: Request) -> Complaints:
    complaints: Complaints = request.app.state.complaints
    return complaints


def _intake(request: Request) -> Intake:
    intake: Intake = request.app.state.intake
    return intake


def _transfers(request: Request) -> Transfers:
    transfers: Transfers = request.app.state.transfers
    return transfers


def _desk_reader(request: Request) -> str:
    """The desk's token, as cookie or (once, in a link) as the query's `key`; else NotAllowed."""
    return _token(request, request.cookies.get(COOKIE, ""), request.query_params.get("key", ""))


def _desk_command(request: Request) -> str:
    """The desk's token as bearer token; else NotAllowed. No cookie: a page elsewhere must not be able to command."""
    return _token(request, request.headers.get("authorization", "").removeprefix("Bearer "))


def _each_once(request: Request) -> None:
    """Refuse a parameter that is there twice: nobody could tell which one is meant."""
    names = [name for name, _ in request.query_params.multi_items()]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadRequest(f"{', '.join(twice)}: there more than once")


def _token(request: Request, *given: str) -> str:
    token: str = request.app.state.desk_token
    if not any(hmac.compare_digest(one.encode(), token.encode()) for one in given):
        raise NotAllowed("this is for the support desk; open it with the link that `speedproof-collector up` prints")
    return token


GivenServices = Annotated[Services, Depends(_services)]
GivenPortal = Annotated[Portal, Depends(_portal)]
GivenIntake = Annotated[Intake, Depends(_intake)]
GivenComplaints = Annotated[Complaints, Depends(_complaints)]
GivenTransfers = Annotated[Transfers, Depends(_transfers)]
DeskReader = Annotated[str, Depends(_desk_reader)]
DeskCommand = Annotated[str, Depends(_desk_command)]
EACH_ONCE = Depends(_each_once)
