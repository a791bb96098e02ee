"""`service`: keep measuring in the background, from now on and after every start of this device."""

import argparse
from typing import TYPE_CHECKING

from probe.commands.say import FAILED, WORKED, message, show
from probe.home import Home
from probe.service import apply
from probe.service.choice import Wishes, choose, look
from probe.service.moving import moving
from probe.service.plan import File, Here, NoService, Service

if TYPE_CHECKING:
    from probe.commands.say import Commands


def add(commands: "Commands", common: argparse.ArgumentParser) -> None:
    """Say its words."""
    parser = commands.add_parser(
        "service", parents=[common], help="keep measuring in the background, after every start of this device too",
        epilog="As root it becomes a service of the whole machine with a user of its own, else a service of this user.",
    )  # fmt: skip
    parser.add_argument(
        "action", choices=("install", "show", "status", "remove"),
        help="install it and start it; show what would be written; say how it is; remove it (what was measured stays)",
    )  # fmt: skip
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument(
        "--system", dest="of_machine", action="store_true", default=None, help="of the whole machine (root)"
    )
    whose.add_argument("--user", dest="of_machine", action="store_false", help="of this user")
    parser.add_argument(
        "--with-modem", action="store_true",
        help="with a second service, as root, that asks ModemManager for cells and signal strengths",
    )  # fmt: skip
    parser.add_argument(
        "--with-ping",
        action="store_true",
        help="let users of this machine send ICMP echo requests (net.ipv4.ping_group_range)",
    )


def run(home: Home, options: argparse.Namespace) -> int:
    """Do one of the four."""
    here = look(home.folder)
    service = choose(here, Wishes(options.of_machine, options.with_modem, options.with_ping))
    match options.action:
        case "show":
            return _show(service, options)
        case "status":
            return _status(service, options)
        case "install":
            return _install(service, here, options)
        case _:
            return _remove(service, here, options)


def _show(service: Service, options: argparse.Namespace) -> int:
    show(options, {
        "kind": service.kind,
        "files": [{"path": str(file.path), "mode": f"{file.mode:o}", "text": _text(file)} for file in service.files],
        "commands": [list(step.command) for step in service.start],
        "state": str(service.state),
    }, [
        line
        for file in service.files
        for line in (f"# {file.path}  (mode {file.mode:o})", *_text(file).splitlines(), "")
    ] + ["# then"] + [" ".join(step.command) for step in service.start])  # fmt: skip
    return WORKED


def _status(service: Service, options: argparse.Namespace) -> int:
    found = apply.installed(service)
    told = apply.seen(service.look) if found and not options.json else []
    show(options, {"kind": service.kind, "installed": bool(found), "files": list(map(str, found)), "state": str(service.state)}, [
        service.kind if found else f"not installed as {service.kind}; install it with: speedproof-probe service install",
        *told,
    ])  # fmt: skip
    return WORKED if found else FAILED


def _install(service: Service, here: Here, options: argparse.Namespace) -> int:
    rightful(service, here, "install")
    for trouble in apply.install(service):
        message(f"did not work, and need not: {trouble}")
    files = [str(file.path) for file in service.files]
    advice = [*moving(here, service), *service.advice]
    show(options, {"kind": service.kind, "files": files, "state": str(service.state), "advice": advice}, [
        f"installed as {service.kind}; its state is in {service.state}",
        *(f"  wrote {file}" for file in files),
        "next:",
        *(f"  {step}" for step in advice),
    ])  # fmt: skip
    return WORKED


def _remove(service: Service, here: Here, options: argparse.Namespace) -> int:
    rightful(service, here, "remove")
    gone = apply.remove(service)
    left = [f"the state in {service.state}", *service.leaves]
    show(options, {"removed": gone, "left": left}, [
        *(f"removed {file}" for file in gone),
        *([] if gone else [f"there was nothing to remove: not installed as {service.kind}"]),
        *(f"left: {one}" for one in left),
    ])  # fmt: skip
    return WORKED


def rightful(service: Service, here: Here, action: str) -> None:
    """Go on only with the rights that it takes; raises NoService with what to do."""
    if service.of_machine and here.uid != 0:
        raise NoService(f"a service of the whole machine takes root:  sudo {here.said} service {action}")


def _text(file: File) -> str:
    return file.content.decode("utf-16" if file.content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8")
