"""The page behind an invitation's link, for whoever opens it in a browser: what to do with it. It never learns the code."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from collector.api.desk import PAGE_HEADERS
from collector.web.page import render_invitation

router = APIRouter()


@router.get("/enrol")
async def get_enrol() -> HTMLResponse:
    """The same page for everybody: what stands behind # stays in the browser."""
    return HTMLResponse(render_invitation(), headers=PAGE_HEADERS)
