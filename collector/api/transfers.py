"""The route by which peers hand over what they signed of transfers: `POST /v1/transfers` (FORMAT.md, section 10)."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from collector.api.given import GivenIntake, GivenTransfers
from collector.api.problems import status_of
from collector.transfers import Outcome
from shared import strictjson
from shared.errors import Refused
from shared.transfer import MAX_STATEMENTS_BYTES, STATEMENTS_MEDIA_TYPE

router = APIRouter(prefix="/v1")


@router.post("/transfers")
async def post_transfers(request: Request, transfers: GivenTransfers, intake: GivenIntake) -> Response:
    """Keep peers' statements, one envelope per line: 200 with an answer for each, once what is new is on disk."""
    async with intake.body(request, STATEMENTS_MEDIA_TYPE, MAX_STATEMENTS_BYTES) as body:
        outcomes = await transfers.take(body)
    told: strictjson.JsonObject = {"answers": [_answer(one) for one in outcomes]}
    return Response(strictjson.encode(told), media_type="application/json")


def _answer(outcome: Outcome) -> strictjson.Json:
    if isinstance(outcome, bool):
        return {"answer": "kept" if outcome else "repeat"}
    detail = outcome.detail if isinstance(outcome, Refused) else str(outcome)
    return {"answer": "refused", "detail": detail, "error": status_of(outcome)[1]}
