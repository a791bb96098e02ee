"""Termux: a runit service kept up by termux-services, begun at boot by Termux:Boot under a wake lock. Pure.

Android ends what it likes, so the service is one process that starts again; a job of Android's own scheduler, which
the owner may add, starts it where even runit was ended. A new Python of Termux has none of the old one's packages: then
the service installs the same version of itself again: from the wheels that were kept, where there are any, before it asks an
index, and after ever longer pauses, of a minute first and of an hour at most, until it has worked.
"""

import shlex
from collections.abc import Mapping
from pathlib import PurePosixPath
from string import Template
from typing import Final

from probe.service.plan import WHEELS, Copy, Here, NoService, Service, Step, text_file

NAME: Final = "speedproof"
JOB: Final = 8440  # any number that no other job of this user has
EVERY_MS: Final = 900_000  # Android's least period

_RUN: Final = Template("""#!$sh
# Written by: speedproof-probe service install
exec 2>&1
cd $home || exit 1
until [ -e $state/enrolled.json ]; do
  sleep 10
done
# Whether a package is missing, as after Termux moved to another Python.
missing() {
  $python -P -c '
import sys
try:
    import probe.__main__, probe.run
except ImportError as error:
    print(error)
    sys.exit(3)
'
  [ "$$?" = 3 ]
}
fetch() {
  $python -m pip install --disable-pip-version-check --only-binary=:all: "$$@" $package
}
pause=60
while missing; do
  echo "installing $package for this Python"
  if [ -d $wheels ]; then
    fetch --no-index --find-links $wheels || fetch --find-links $wheels
  else
    fetch
  fi
  missing || break
  echo "speedproof is not whole; trying again in $$pause s"
  sleep $$pause
  pause=$$((pause < 1800 ? pause * 2 : 3600))
done
exec $run
""")
_FINISH: Final = Template("""#!$sh
# Written by: speedproof-probe service install
# Ended by itself: not again at once.
[ "$$1" = 0 ] || sleep 10
""")
_LOG: Final = Template("""#!$sh
# Written by: speedproof-probe service install
mkdir -p $log
exec svlogd -tt $log
""")
_BOOT: Final = Template("""#!$sh
# Written by: speedproof-probe service install
termux-wake-lock
. $prefix/etc/profile.d/start-services.sh
""")


def is_termux(environ: Mapping[str, str]) -> bool:
    """Tell Termux from other systems, Android's own included."""
    return "TERMUX_VERSION" in environ or "/com.termux/" in environ.get("PREFIX", "")


def service(here: Here) -> Service:
    """Give the service of a phone; raises NoService where Termux does not say where it stands."""
    told = here.environ.get("PREFIX")
    if not told:
        raise NoService("PREFIX is not set: run this inside Termux")
    prefix, folder = PurePosixPath(told), PurePosixPath(told) / "var/service" / NAME
    boot = PurePosixPath(here.home) / ".termux/boot" / NAME
    python = _python(here, prefix)
    log = prefix / "var/log/sv" / NAME
    words = {
        "home": here.home,
        "log": log,
        "package": f"speedproof=={here.version}",
        "prefix": prefix,
        "python": python,
        "state": here.state,
        "wheels": here.state / WHEELS,
    }
    filled = {name: shlex.quote(str(value)) for name, value in words.items()}
    filled |= {"sh": str(prefix / "bin/sh"), "run": shlex.join((str(python), *here.run[1:]))}
    up = ("sv", "up", str(folder))
    return Service(
        kind="a service of Termux (runit), begun at boot by Termux:Boot",
        files=(
            text_file(folder / "run", _RUN.substitute(filled), 0o700),
            text_file(folder / "finish", _FINISH.substitute(filled), 0o700),
            text_file(folder / "log/run", _LOG.substitute(filled), 0o700),
            text_file(boot, _BOOT.substitute(filled), 0o700),
        ),
        state=here.state,
        start=(Step((str(boot),), may_fail=True), Step(up, may_fail=True)),
        stop=(
            Step(("sv", "down", str(folder)), may_fail=True),
            Step(("termux-job-scheduler", "--cancel", "--job-id", str(JOB)), may_fail=True),
        ),
        settle=(),
        look=Step(("sv", "status", str(folder)), may_fail=True),
        advice=(
            "once: install Termux:API and Termux:Boot from where Termux came from, and open Termux:Boot once",
            "once: set the battery to Unrestricted for Termux and Termux:API; allow Location and Phone to Termux:API",
            "once, if it was not there yet: pkg install termux-services termux-api, then close Termux and open it again",
            "if this phone ends programs: "
            + shlex.join((
                "termux-job-scheduler", "--script", str(boot), "--job-id", str(JOB),
                "--period-ms", str(EVERY_MS), "--network", "any", "--persisted", "true",
            )),
            "enrol this phone if you have not, and measuring begins by itself:  speedproof-probe enrol URL CODE",
            f"see how it is:  sv status {NAME}    what it says:  tail {shlex.quote(str(log / 'current'))}",
        ),
        needs=(("sv", "pkg install termux-services, close Termux, open it again, and repeat this"),),
        leaves=(f"the log in {log}",),
        copies=tuple(Copy(wheel, here.state / WHEELS / wheel.name) for wheel in here.wheels),
        folders=(folder,),
    )  # fmt: skip


def _python(here: Here, prefix: PurePosixPath) -> PurePosixPath:
    """The Python to start: Termux's by its lasting name, since `python3.14` goes away with the next; else this one."""
    own = PurePosixPath(here.python)
    return prefix / "bin/python" if own.parent == prefix / "bin" else own
