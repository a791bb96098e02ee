"""What every command starts and ends with: the configuration its options name, and the way its result is told."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from collector import say
from collector.config import Config, parse
from collector.errors import BadRequest

Result = dict[str, Any]


def config_of(options: argparse.Namespace) -> Config:
    """The configuration of a data folder: its `collector.toml`, if there is one, then the options."""
    data = options.data or Path(os.environ.get("SPEEDPROOF_DATA", Path.home() / ".local/share/speedproof/collector"))
    file = data / "collector.toml"
    try:
        text = file.read_text(encoding="utf-8") if file.exists() else ""
    except UnicodeDecodeError as error:
        raise BadRequest(f"{file} is not UTF-8") from error
    peer = ("peer_port", "peer_host", "peer_tls_cert", "peer_tls_key", "peer_tls_port")
    names = (
        "host",
        "port",
        "url",
        *peer,
        "criteria",
        "slot_s",
        "guard_s",
        "code_minutes",
        "workers",
        "desk_port",
        "log_format",
        "log_level",
    )
    return parse(text, data, {name: getattr(options, name, None) for name in names})


def tell(options: argparse.Namespace, told: Result, words: Callable[[Result], None]) -> None:
    """Say what came of a command: as JSON if that was asked for, otherwise in words."""
    say.result(told) if options.json else words(told)
