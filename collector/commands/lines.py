"""`subscriber add` and `import measurements`: what lines there are, and what others have measured on them."""

import argparse
from typing import Any

from collector import say
from collector.command import open_desk
from collector.options import config_of, tell
from collector.provision.options import contract_of
from collector.reading import read_measurements

Result = dict[str, Any]


def subscriber_add(options: argparse.Namespace) -> None:
    """Add a line, or say that it is there."""
    with open_desk(config_of(options)) as desk:
        tell(options, desk.run("subscriber_add", contract_of(options) | {"id": options.id}), say.subscriber)


def import_measurements(options: argparse.Namespace) -> None:
    """Keep measurements of others beside those of a line, file after file."""
    total: Result = {"subscriber": options.subscriber, "files": 0, "lines": 0, "kept": 0, "signed": False}
    with open_desk(config_of(options)) as desk:
        for number, file in enumerate(options.files, start=1):
            for part in read_measurements(options.format, file, options.load, options.time_zone):
                result = desk.run("import", part | {"subscriber": options.subscriber})
                total["lines"] += result["lines"]
                total["kept"] += result["kept"]
            total["files"] = number
            say.progress("import", number, len(options.files), file.name)
    tell(options, total, say.imported)
