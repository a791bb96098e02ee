"""The commands of `speedproof-collector`: one module for each kind, loaded when one of its commands is run and not before.

On a small computer the libraries of a whole collector take seconds to load, and a command to a running one needs none of them.
"""

import argparse
import importlib
from collections.abc import Callable, Mapping
from typing import Final

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "up": ("serving", "up"),
    "subscriber add": ("lines", "subscriber_add"),
    "import measurements": ("lines", "import_measurements"),
    "code": ("devices", "code"),
    "provision": ("devices", "make_ready"),
    "revoke": ("devices", "revoke"),
    "judge": ("asking", "judge"),
    "case show": ("asking", "case_show"),
    "fleet": ("asking", "shown"),
    "cells": ("asking", "shown"),
    "days": ("asking", "shown"),
    "evidence": ("asking", "evidence"),
    "report": ("asking", "report"),
    "check": ("checking", "check"),
    "audit": ("checking", "check"),
    "rebuild": ("operating", "rebuilt"),
    "migrate-store": ("operating", "migrated"),
    "backup": ("operating", "backed_up"),
    "archive": ("operating", "archived"),
    "retain": ("operating", "retained"),
    "restore": ("operating", "restored"),
    "rotate": ("operating", "rotated"),
}


def command(name: str) -> Callable[[argparse.Namespace], None]:
    """What runs a command; raises ModuleNotFoundError if a library that it needs is not installed."""
    module, function = COMMANDS[name]
    found: Callable[[argparse.Namespace], None] = getattr(importlib.import_module(f"{__name__}.{module}"), function)
    return found
