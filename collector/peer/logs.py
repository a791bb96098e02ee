"""Log records of the libraries underneath as lines of JSON, like the account of a transfer."""

import json
import logging


class JsonLine(logging.Formatter):
    """One record as one line: source, level, what it says, and the error's text if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the line; of an error its kind and text, never a traceback over many lines."""
        line = {
            "kind": "log",
            "source": record.name,
            "level": record.levelname.lower(),
            "says": record.getMessage(),
        }
        error = record.exc_info and record.exc_info[1]
        if error:
            line["error"] = f"{type(error).__name__}: {error}"
        return json.dumps(line, separators=(",", ":"))
