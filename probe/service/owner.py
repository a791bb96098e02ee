"""Whose state it is: a service of the whole machine has a user of its own, and whoever looks in as root becomes that user.

Otherwise root's commands would leave files in the state folder that the service cannot open any more; the locks are some
even for reading.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from probe.errors import StateUnusable
from probe.service.systemd import STATE

STATE_VARIABLE: Final = "SPEEDPROOF_STATE"
USUAL: Final = ".local/share/speedproof/probe"
AS_ROOT: Final = frozenset({"service", "uninstall"})  # commands that need root's rights, and touch no state


def state_folder(environ: Mapping[str, str], home: Path, machine: Path = STATE, *, root: bool) -> Path:
    """Where the state is, if nobody says otherwise: the service's of this machine if there is one and this user none."""
    told = environ.get(STATE_VARIABLE)
    if told:
        return Path(told)
    own = home / USUAL
    if machine.is_dir() and (root or not (own / "enrolled.json").exists()):
        return machine
    return own


def is_root() -> bool:
    """Tell whether this process may do everything; nobody may where there is no such user."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def become_owner(folder: Path, machine: Path = STATE) -> None:
    """As root at the machine's state, become for good the user whose it is; raises StateUnusable where that is not allowed.

    Any other folder changes nothing, nor one that is not there yet or is root's own, nor does any of this for other users.
    """
    if not is_root() or folder != machine or not folder.exists():
        return
    owner = folder.stat()
    if owner.st_uid == 0:
        return
    try:
        os.setgroups([])
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)
    except OSError as error:
        raise StateUnusable(f"{folder} belongs to user {owner.st_uid}, whom this process cannot become") from error
