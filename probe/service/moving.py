"""A device that was enrolled before it had a service of the whole machine: where its state is, and how it moves."""

import shlex
from pathlib import Path

from probe.service.owner import USUAL
from probe.service.plan import Here, Service
from probe.service.systemd import USER

try:
    import pwd
except ImportError:  # Windows
    pwd = None  # type: ignore[assignment]


def moving(here: Here, service: Service) -> tuple[str, ...]:
    """What to do so that the service goes on where the user's own probe was; nothing if there is nothing to move.

    Moved by a person and not by us: two agents with one key would fork its chain, so the other one must have ended.
    """
    old, new = _old(here), Path(service.state)
    if not service.of_machine or old is None or old == new or (new / "enrolled.json").exists():
        return ()
    if not (old / "enrolled.json").exists():
        return ()
    source, target = shlex.quote(str(old)), shlex.quote(str(new))
    commands = f"mv {source}/* {target}/ && chown -R {USER}: {target} && systemctl start speedproof-probe"
    said = f"this device is enrolled already, in {old}; end what measures there, then go on with it:  "
    return (said + f"sudo sh -c {shlex.quote(commands)}",)


def _old(here: Here) -> Path | None:
    """The state of whoever called sudo."""
    name = here.environ.get("SUDO_USER")
    if not name or pwd is None:
        return here.home / USUAL
    try:
        return Path(pwd.getpwnam(name).pw_dir) / USUAL
    except KeyError:
        return None
