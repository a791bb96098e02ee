"""macOS: a LaunchAgent (launchd.plist(5)) of one user. Pure. Written from the manual, never run on a Mac."""

import plistlib
from pathlib import PurePosixPath
from typing import Final

from probe.service.plan import File, Here, Service, Step

LABEL: Final = "net.speedproof.probe"


def service(here: Here) -> Service:
    """Give the service of one user; it is kept up as long as there is an enrolment."""
    home = PurePosixPath(here.home)
    plist = home / "Library/LaunchAgents" / f"{LABEL}.plist"
    log = str(home / "Library/Logs/speedproof.log")
    told = {
        "Label": LABEL,
        "ProgramArguments": [*here.run],
        "KeepAlive": {"PathState": {f"{here.state}/enrolled.json": True}},
        "ThrottleInterval": 10,
        "ExitTimeOut": 15,
        "ProcessType": "Standard",  # a background process is slowed down, and would measure that
        "StandardOutPath": log,
        "StandardErrorPath": log,
        "Umask": 0o077,
    }
    domain = f"gui/{here.uid}"
    return Service(
        kind="a service of this user (launchd)",
        files=(File(plist, plistlib.dumps(told)),),
        state=here.state,
        start=(
            Step(("launchctl", "bootout", f"{domain}/{LABEL}"), may_fail=True),
            Step(("launchctl", "bootstrap", domain, str(plist))),
        ),
        stop=(Step(("launchctl", "bootout", f"{domain}/{LABEL}"), may_fail=True),),
        settle=(),
        look=Step(("launchctl", "print", f"{domain}/{LABEL}"), may_fail=True),
        advice=(
            f"enrol this device if you have not, and measuring begins by itself:  {here.said} enrol URL CODE",
            f"see how it is:  launchctl print {domain}/{LABEL}    what it says:  tail {log}",
        ),
        leaves=(f"the log {log}",),
    )
