"""The printed sheet: for each device a label with its serial, its code, and the link as a QR code. Text in, text out.

One HTML file, whole in itself, eight labels on an A4 page. Times are in UTC and say so, since nobody knows where it is read.
"""

from collections.abc import Sequence
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from collector import qr
from collector.provision.units import Ready
from collector.web.localtime import day
from shared.enrolment import show_code

_ENVIRONMENT: Final = Environment(
    loader=PackageLoader("collector.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render_sheet(made: Sequence[Ready]) -> str:
    """The sheet's HTML."""
    labels = [
        {
            "serial": ready.unit.serial,
            "subscriber": ready.unit.subscriber,
            "url": ready.provision.invitation.url,
            "code": show_code(ready.provision.invitation.code),
            "expires": day(ready.expires_us),
            "qr": Markup(qr.for_paper(ready.provision.invitation.link)),  # noqa: S704 - made by us, of a checked link
        }
        for ready in made
    ]
    return _ENVIRONMENT.get_template("sheet.html").render(labels=labels)
