"""systemd: a hardened unit for the whole machine, or a plain one for one user. Pure: text and commands out.

The whole machine's runs under a user of its own, which owns nothing but its state: a fixed one made by sysusers.d(5), not a
dynamic one, because enrolling and looking happen as that user too, while the service is stopped. It has no capability at
all; what needs root (the modem's cells and signal rate) is in a unit of its own that speaks to ModemManager and to
nothing else. Raw sockets are not offered: `path` and `latency` do without.

A device that is not enrolled has nothing to do: the unit's condition says so, and a path unit starts it at the moment at
which an enrolment is written. A user's own unit gets only what an unprivileged manager can enforce.
"""

import shlex
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final

from probe.service.plan import File, Here, Service, Step, text_file

NAME: Final = "speedproof-probe"
MODEM: Final = "speedproof-modem"
USER: Final = "speedproof"
STATE: Final = Path("/var/lib/speedproof")
UNITS: Final = PurePosixPath("/etc/systemd/system")
# What ProtectHome= and PrivateTmp= hide.
HIDDEN: Final = tuple(map(PurePosixPath, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))  # noqa: S108 - not used
HEAD: Final = "# Written by: speedproof-probe service install. Removed by: speedproof-probe service remove.\n"

_UNIT: Final = """[Unit]
Description=speedproof: measures this line and keeps signed evidence of it
ConditionPathExists={state}/enrolled.json
# Never waits for a network or for the time: that there is none is what it has to record.
Wants=time-sync.target
After=network.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={run}
WatchdogSec=120
TimeoutStopSec=15
Restart=always
RestartSec=10
UMask=0077
MemoryMax=200M
TasksMax=64
{narrow}RestrictAddressFamilies={families}
"""
# What either manager, the user's own too, can enforce.
_NARROW: Final = """NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
"""
# What only the manager of the whole machine can enforce.
_SHUT: Final = """CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectProc=invisible
PrivateTmp=yes
PrivateDevices=yes
PrivateMounts=yes
RemoveIPC=yes
"""
_OWN_USER: Final = f"""User={USER}
Group={USER}
StateDirectory={USER}
StateDirectoryMode=0700
"""
_PATH: Final = """[Unit]
Description=starts speedproof when this device is enrolled

[Path]
PathChanged={state}/enrolled.json
Unit={name}.service

[Install]
WantedBy={target}
"""
_MODEM: Final = """[Unit]
Description=speedproof: asks ModemManager for what it tells only to root
After=ModemManager.service
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={attend}
Restart=always
RestartSec=10
RuntimeDirectory={user}
RuntimeDirectoryMode=0755
UMask=0022
MemoryMax=100M
TasksMax=16
{narrow}RestrictAddressFamilies=AF_UNIX
PrivateNetwork=yes
IPAddressDeny=any
{shut}
[Install]
WantedBy=multi-user.target
"""
_PING: Final = """# Lets every user send echo requests through ICMP datagram sockets, as systemd's own defaults do; nothing else.
net.ipv4.ping_group_range = 0 2147483647
"""


def machine(here: Here, *, modem: bool = False, ping: bool = False) -> Service:
    """Give the service of the whole machine."""
    here = replace(here, state=STATE)
    units = _files(here, UNITS, _OWN_USER + _SHUT, "multi-user.target")
    users = text_file(
        PurePosixPath("/etc/sysusers.d/speedproof.conf"), f'{HEAD}u {USER} - "speedproof probe" {STATE} -\n'
    )
    modem_unit = text_file(
        UNITS / f"{MODEM}.service",
        HEAD
        + _MODEM.format(
            attend=_line((*here.program[:3], "probe.service.modem")), user=USER, narrow=_NARROW, shut=_SHUT
        ),
    )
    ping_file = text_file(PurePosixPath("/etc/sysctl.d/60-speedproof-ping.conf"), HEAD + _PING)
    parts = {modem_unit: modem, ping_file: ping}
    start = [
        Step(("systemd-sysusers", str(users.path))),
        Step(("install", "-d", "-m", "0700", "-o", USER, "-g", USER, str(STATE))),
        Step(("systemctl", "daemon-reload")),
        Step(("systemctl", "enable", "--now", f"{NAME}.path")),
        Step(("systemctl", "enable", f"{NAME}.service")),
        Step(("systemctl", "restart", f"{NAME}.service")),
    ]
    start += [Step(("systemctl", "enable", "--now", f"{MODEM}.service"))] if modem else []
    start += [Step(("sysctl", "--load", str(ping_file.path)), may_fail=True)] if ping else []
    return Service(
        kind=f"a service of this machine (systemd), as user {USER}",
        files=(users, *units, *(file for file, wanted in parts.items() if wanted)),
        state=STATE,
        start=tuple(start),
        stop=(
            Step(("systemctl", "disable", "--now", f"{NAME}.path", f"{NAME}.service"), may_fail=True),
            Step(("systemctl", "disable", "--now", f"{MODEM}.service"), may_fail=True),
        ),
        settle=(Step(("systemctl", "daemon-reload")),),
        look=Step(("systemctl", "--no-pager", "status", f"{NAME}.service"), may_fail=True),
        advice=(
            f"enrol this device, and measuring begins by itself:  sudo {here.said} enrol URL CODE",
            f"see how it is:  systemctl status {NAME}    what it says:  journalctl -u {NAME} -f",
            "notices reach nobody's desktop from a service of the whole machine; to see them, install it with --user instead",
        ),
        of_machine=True,
        obstacle=_odd(here) or _hidden(here),
        needs=_needs(here, ("systemctl", "systemd-sysusers")),
        leaves=(f"the user {USER} (userdel {USER} removes it)",),
        parts=tuple(file.path for file, wanted in parts.items() if not wanted),
    )


def user(here: Here) -> Service:
    """Give the service of one user, which measures from the state that user has."""
    config = PurePosixPath(here.environ.get("XDG_CONFIG_HOME") or here.home / ".config")
    ours = ("systemctl", "--user")
    return Service(
        kind="a service of this user (systemd)",
        files=_files(here, config / "systemd/user", "", "default.target"),
        state=here.state,
        start=(
            Step((*ours, "daemon-reload")),
            Step((*ours, "enable", "--now", f"{NAME}.path")),
            Step((*ours, "enable", f"{NAME}.service")),
            Step((*ours, "restart", f"{NAME}.service")),
        ),
        stop=(Step((*ours, "disable", "--now", f"{NAME}.path", f"{NAME}.service"), may_fail=True),),
        settle=(Step((*ours, "daemon-reload")),),
        look=Step((*ours, "--no-pager", "status", f"{NAME}.service"), may_fail=True),
        advice=(
            "let it measure while nobody is logged in:  loginctl enable-linger",
            f"enrol this device if you have not, and measuring begins by itself:  {here.said} enrol URL CODE",
            f"see how it is:  systemctl --user status {NAME}    what it says:  journalctl --user -u {NAME} -f",
        ),
        obstacle=_odd(here),
        needs=_needs(here, ("systemctl",)),
    )


def _files(here: Here, folder: PurePosixPath, more: str, target: str) -> tuple[File, ...]:
    unit = _UNIT.format(
        narrow=_NARROW,
        state=_escaped(str(here.state)),
        run=_line(here.run),
        families="AF_INET AF_INET6 AF_UNIX AF_NETLINK",
    )
    path = _PATH.format(state=_escaped(str(here.state)), name=NAME, target=target)
    install = f"\n[Install]\nWantedBy={target}\n"
    return (
        text_file(folder / f"{NAME}.service", HEAD + unit + more + install),
        text_file(folder / f"{NAME}.path", HEAD + path),
    )


def _odd(here: Here) -> str:
    """Say so if systemd would start no program of this name."""
    return (
        f"systemd starts no program with a quote in its path: {here.python}"
        if set("\"'\\") & set(str(here.python))
        else ""
    )


def _hidden(here: Here) -> str:
    """Say where this environment stands, if a service that sees nothing of people's folders cannot start from there."""
    hidden = next((place for place in (here.python, *here.places) if _within(place, HIDDEN)), None)
    if hidden is None:
        return ""
    return (
        f"this speedproof-probe stands in {hidden}, which a service of the whole machine does not see; install it in a place "
        "of its own: python3 -m venv /opt/speedproof && /opt/speedproof/bin/pip install speedproof, then use "
        "/opt/speedproof/bin/speedproof-probe service install"
    )


def _needs(here: Here, programs: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Without systemd the same words do, started by whatever starts programs here."""
    instead = f"this machine has no systemd; let whatever starts programs here start: {shlex.join(here.run)}"
    return tuple((program, instead) for program in programs)


def _within(place: Path, folders: tuple[PurePosixPath, ...]) -> bool:
    return any(PurePosixPath(place).is_relative_to(folder) for folder in folders)


def _line(words: tuple[str, ...]) -> str:
    """A command as ExecStart= reads it: in quotes what is more than plain characters, `$` twice in all but the program."""
    program, *rest = words
    return " ".join([_word(program), *(_word(word.replace("$", "$$")) for word in rest)])


def _word(word: str) -> str:
    plain = word.replace("/", "").replace("-", "").replace(".", "").replace("_", "")
    escaped = _escaped(word.replace("\\", "\\\\").replace('"', '\\"'))
    return escaped if plain.isalnum() and plain.isascii() else f'"{escaped}"'


def _escaped(text: str) -> str:
    """Text in which systemd looks for specifiers."""
    return text.replace("%", "%%")
