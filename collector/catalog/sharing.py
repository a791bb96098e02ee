"""How the process that writes the ledger hears of the catalog: by its environment, since anybody can read a command line."""

import json
from collections.abc import Mapping
from typing import Final

from collector.clock import Clock
from collector.errors import BadRequest
from collector.ledger.shared import SharedChains

VARIABLE: Final = "SPEEDPROOF_CATALOG"


def told_of(catalog: str | None, stream: int, signer: str) -> dict[str, str]:
    """What such a process is started with; nothing without a catalog."""
    if catalog is None:
        return {}
    return {VARIABLE: json.dumps({"catalog": catalog, "stream": stream, "signer": signer})}


def shared_of(environ: Mapping[str, str], clock: Clock) -> SharedChains | None:
    """The catalog it was told of, None if there is none."""
    if VARIABLE not in environ:
        return None
    told = json.loads(environ[VARIABLE])
    return share(told["catalog"], told["stream"], told["signer"], clock)


def share(catalog: str, stream: int, signer: str, clock: Clock) -> SharedChains:
    """The catalog at an address, for the writer of a stream; connects when first asked. Raises BadRequest."""
    try:
        from collector.catalog.chains import CatalogChains  # noqa: PLC0415 - an optional part
    except ImportError as error:
        raise BadRequest("a catalog needs more packages: install the extra `lake`") from error
    return CatalogChains(catalog, stream, signer, clock)
