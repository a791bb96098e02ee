"""Making a report: one case at one moment, set on pages, with its evidence attached, signed as a whole."""

from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, Final

from collector.evidence.bundle import collect
from collector.log.tsa import authority_of
from collector.report.certificate import Identity, given_identity, own_identity
from collector.report.content import report_of
from collector.report.gather import gather, stamped
from collector.services import Services
from shared.errors import NoTool

WITH_TIME: Final = "PAdES-B-T"
WITHOUT: Final = "PAdES-B-B"


@dataclass(frozen=True, slots=True)
class Made:
    """A report: the PDF, which kind of signature it bears, and whether all the evidence is in it."""

    pdf: bytes
    level: str
    whole: bool


def make_report(services: Services, subscriber: str) -> Made:
    """The signed report on a subscriber's case; raises NotFound, Busy, NoKey, NoTool, NoTimeStamp."""
    pages, signing = _tool("collector.report.pages"), _tool("collector.report.sign")
    identity = _identity(services)
    authority = authority_of(services.config.tsa, services.config.tsa_roots)
    collected = collect(services, subscriber)
    told = gather(services, collected, identity, authority)
    report = report_of(collected.case, collected.rows, collected.days, told)
    stamp = None if authority is None else partial(stamped, authority)
    pdf: bytes = signing.sign(pages.pages_of(report, told.attachments), identity, services.clock.wall_us(), stamp)
    return Made(pdf, WITHOUT if authority is None else WITH_TIME, told.attached == told.listed)


def _tool(module: str) -> Any:  # noqa: ANN401 - a module that needs an extra
    try:
        return import_module(module)
    except ImportError as error:
        raise NoTool(f"reports need further packages ({error.name}): pip install 'speedproof[report]'") from error


def _identity(services: Services) -> Identity:
    config = services.config
    if config.report_cert is not None:
        return given_identity(config.report_cert, config.report_key)
    return own_identity(config.data / "keys", services.collector_key, services.clock.wall_us())
