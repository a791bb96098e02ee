"""`up`: everything that runs for as long as a collector does."""

import argparse

from collector import logs, say
from collector.options import config_of
from collector.up import run_up


def up(options: argparse.Namespace) -> None:
    """Run a collector until it is told to end."""

    def ready(told: dict[str, object]) -> None:
        say.result(told) if options.json else say.up(told)

    config = config_of(options)
    logs.begin(config.log_format, config.log_level)
    run_up(config, ready)
