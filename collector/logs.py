"""What the collector's processes write to stderr: lines for people, or one JSON object a line for machines.

Beside the words of a JSON line stands whatever its writer named: `dev`, `batch` and `pae_sha256` of a batch, the `reason` of a
refusal. Nothing of a customer, no token and no key is ever among it.
"""

import json
import logging
import sys
from typing import Final

FORMATS: Final = ("text", "json")
LEVELS: Final = ("debug", "info", "warning", "error")
_USUAL: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}


class _Json(logging.Formatter):
    """One object a line: `t_us` (unix time), `level`, `logger`, `words`, then what was named."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, object] = {
            "t_us": int(record.created * 1_000_000),
            "level": record.levelname.lower(),
            "logger": record.name,
            "words": record.getMessage(),
        }
        told |= {name: value for name, value in vars(record).items() if name not in _USUAL}
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False, default=str)


def begin(kind: str, level: str) -> None:
    """Write all that is at least so important to stderr from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if kind == "json" else logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
