"""The page that checks evidence files, for whoever wants it: it needs no collector once it is there, and tells it nothing."""

from fastapi import APIRouter
from fastapi.responses import Response

from collector.web.verify_page import HEADERS, NAME, PAGE

router = APIRouter()


@router.get(f"/{NAME}")
async def get_verify() -> Response:
    """The same page for everybody, also to keep as a file."""
    return Response(PAGE, media_type="text/html", headers=HEADERS)
