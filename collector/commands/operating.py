"""What whoever runs a collector does with its ledger, its index, its copies, its keys, and what is kept."""

import argparse
from dataclasses import asdict
from typing import Any

from collector import say
from collector.backup import back_up, restore
from collector.clock import SystemClock
from collector.command import open_desk
from collector.errors import BadRequest, NotFound
from collector.ledger.arranging import arranging
from collector.ledger.moving import move
from collector.migrate import migrate_store
from collector.options import config_of, tell
from collector.rebuild import rebuild
from collector.retain import days_of, retain_all
from collector.rotate import rotate, rotate_log
from shared.rotation import Whose

Result = dict[str, Any]


def rebuilt(options: argparse.Namespace) -> None:
    """Make the index anew from the ledger."""
    done = rebuild(config_of(options), lambda no, last: say.progress("rebuild", no, last, "entries"))
    told: Result = {
        "entries": done.entries,
        "same_as_before": None if done.before is None else done.before == done.after,
        "tables": {name: {"rows": rows, "sha256": digest} for name, (rows, digest) in done.after.items()},
    }
    tell(options, told, say.rebuilt)


def migrated(options: argparse.Namespace) -> None:
    """Fill the index of many collectors from the ledger of one."""
    done = migrate_store(config_of(options), lambda no, last: say.progress("migrate-store", no, last, "entries"))
    tell(
        options,
        asdict(done) | {"same_as_before": None if done.before is None else done.before == done.after},
        say.migrated,
    )


def backed_up(options: argparse.Namespace) -> None:
    """Copy what a collector holds, while it runs."""
    config = config_of(options)
    with (
        open_desk(config) as desk,
        arranging(config.data / "ledger", alone=False),
    ):  # before it is asked how far it goes
        no = int(desk.run("position", {})["ledger_no"])
        done = back_up(
            config.data, options.out, no, SystemClock(), lambda n, of, name: say.progress("backup", n, of, name)
        )
    tell(options, asdict(done) | {"folder": str(options.out)}, say.backed_up)


def archived(options: argparse.Namespace) -> None:
    """Move sealed segments elsewhere."""
    config = config_of(options)
    moved = move(
        config.data / "ledger", options.to, options.keep, lambda n, of, name: say.progress("archive", n, of, name)
    )
    tell(options, {"to": options.to, "moved": [path.name for path in moved]}, say.archived)


def retained(options: argparse.Namespace) -> None:
    """Remove the bytes of records that are older than they may become."""
    config = config_of(options)
    days = days_of(config.retain_days if options.days is None else options.days)
    if not (config.data / "ledger").is_dir():
        raise NotFound(f"{config.data} is no collector's data folder: there is no ledger in it")
    with open_desk(config) as desk:
        told = retain_all(
            desk.run, days, lambda n, of, name: say.progress("retain", n, of, name), dry_run=options.dry_run
        )
    tell(options, told, say.retained)


def restored(options: argparse.Namespace) -> None:
    """Make a data folder of a backup."""
    config = config_of(options)
    done = restore(options.source, config.data, lambda n, of, name: say.progress("restore", n, of, name))
    tell(options, asdict(done) | {"folder": str(config.data)}, say.restored)


def rotated(options: argparse.Namespace) -> None:
    """Follow a server's key with another."""
    config = config_of(options)
    is_log = options.whose == "log"
    if options.log_origin is not None and not is_log:
        raise BadRequest("--origin is for a log")
    done = rotate_log(config, options.log_origin) if is_log else rotate(config, Whose(options.whose))
    tell(options, asdict(done), say.rotated)
