"""Windows: a task of the Task Scheduler (schema 1.2) that runs while its user is logged on. Pure. Never run on Windows."""

import subprocess
import xml.etree.ElementTree as ET  # written, never read from strangers
from pathlib import PurePath
from typing import Final

from probe.service.plan import File, Here, NoService, Service, Step

NAME: Final = "speedproof-probe"
SCHEMA: Final = "http://schemas.microsoft.com/windows/2004/02/mit/task"
NORMAL: Final = "5"  # the scheduler's own choice, 7, runs below normal and would measure that

_SETTINGS: Final = {
    "MultipleInstancesPolicy": "IgnoreNew",
    "DisallowStartIfOnBatteries": "false",
    "StopIfGoingOnBatteries": "false",
    "StartWhenAvailable": "true",
    "RunOnlyIfNetworkAvailable": "false",
    "ExecutionTimeLimit": "PT0S",
    "Hidden": "true",
    "Priority": NORMAL,
}


def service(here: Here) -> Service:
    """Give the task of one user; raises NoService if nobody says who that is."""
    who = here.environ.get("USERNAME")
    if not who:
        raise NoService("USERNAME is not set: nobody to run the task for")
    account = f"{here.environ['USERDOMAIN']}\\{who}" if here.environ.get("USERDOMAIN") else who
    file = here.state / "task.xml"
    return Service(
        kind="a task of this user (Task Scheduler)",
        files=(File(file, task(here, account)),),
        state=here.state,
        start=(
            Step(("schtasks", "/Create", "/TN", NAME, "/XML", str(file), "/F")),
            Step(("schtasks", "/Run", "/TN", NAME)),
        ),
        stop=(
            Step(("schtasks", "/End", "/TN", NAME), may_fail=True),
            Step(("schtasks", "/Delete", "/TN", NAME, "/F"), may_fail=True),
        ),
        settle=(),
        look=Step(("schtasks", "/Query", "/TN", NAME, "/V", "/FO", "LIST"), may_fail=True),
        advice=(
            f"enrol this device if you have not, then log off and on:  {here.said} enrol URL CODE",
            f"see how it is:  schtasks /Query /TN {NAME}",
        ),
    )


def task(here: Here, account: str) -> bytes:
    """Spell the task, in UTF-16 as the scheduler wants it."""
    root = ET.Element("Task", {"version": "1.2", "xmlns": SCHEMA})
    _add(root, "RegistrationInfo", {"Description": "Measures this line and keeps signed evidence of it."})
    trigger = ET.SubElement(ET.SubElement(root, "Triggers"), "LogonTrigger")
    _fill(trigger, {"Enabled": "true", "UserId": account})
    principal = ET.SubElement(ET.SubElement(root, "Principals"), "Principal", {"id": "Author"})
    _fill(principal, {"UserId": account, "LogonType": "InteractiveToken", "RunLevel": "LeastPrivilege"})
    settings = _add(root, "Settings", _SETTINGS)
    _add(settings, "RestartOnFailure", {"Interval": "PT1M", "Count": "255"})
    actions = ET.SubElement(root, "Actions", {"Context": "Author"})
    _add(actions, "Exec", {"Command": str(_silent(here.python)), "Arguments": subprocess.list2cmdline(here.run[1:])})
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-16")
    return written


def _silent(python: PurePath) -> PurePath:
    """The Python that opens no window, beside the one that does."""
    return python.with_name("pythonw.exe") if python.name.lower() == "python.exe" else python


def _add(parent: ET.Element, name: str, texts: dict[str, str]) -> ET.Element:
    element = ET.SubElement(parent, name)
    _fill(element, texts)
    return element


def _fill(element: ET.Element, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        ET.SubElement(element, name).text = text
