"""macOS and Windows: what is generated reads back as what was meant. Neither was run on such a machine."""

import plistlib
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from probe.service import launchd, windows
from probe.service.plan import Here, NoService

HERE = Here(
    platform="darwin",
    uid=501,
    home=Path("/Users/me"),
    state=Path("/Users/me/some state"),
    python=Path("/Users/me/venv/bin/python"),
    command=None,
    places=(),
    version="0.1.0",
    environ={"USERNAME": "me", "USERDOMAIN": "LAPTOP"},
)
SPACE = f"{{{windows.SCHEMA}}}"


def test_launch_agent_reads_back() -> None:
    """The agent gets the words of the probe one by one, is kept up while there is an enrolment, and runs at full speed."""
    service = launchd.service(HERE)
    assert str(service.files[0].path) == "/Users/me/Library/LaunchAgents/net.speedproof.probe.plist"
    told = plistlib.loads(service.files[0].content)
    assert told["Label"] == "net.speedproof.probe"
    assert told["ProgramArguments"] == [str(HERE.python), "-P", "-m", "probe", "run", "--state", "/Users/me/some state"]
    assert told["KeepAlive"] == {"PathState": {"/Users/me/some state/enrolled.json": True}}
    assert told["ProcessType"] == "Standard"
    assert told["Umask"] == 0o077


def test_launchctl_speaks_of_this_user() -> None:
    """The agent is loaded into the user's own session; loading it again takes the old one out first."""
    commands = [step.command for step in launchd.service(HERE).start]
    assert commands[0] == ("launchctl", "bootout", "gui/501/net.speedproof.probe")
    assert commands[1][:3] == ("launchctl", "bootstrap", "gui/501")


def test_task_reads_back() -> None:
    """The task runs at log-on, with the user's own rights, without end, without a window, on batteries, at normal speed."""
    here = Here(**{name: getattr(HERE, name) for name in Here.__slots__} | {"python": Path("/py/python.exe")})
    task = ET.fromstring(windows.task(here, "LAPTOP\\me"))
    texts = {element.tag.removeprefix(SPACE): element.text for element in task.iter() if element.text}
    assert task.attrib == {"version": "1.2"}
    assert task.find(f"{SPACE}Triggers/{SPACE}LogonTrigger") is not None
    assert (texts["UserId"], texts["RunLevel"], texts["LogonType"]) == (
        "LAPTOP\\me",
        "LeastPrivilege",
        "InteractiveToken",
    )
    assert (texts["ExecutionTimeLimit"], texts["MultipleInstancesPolicy"], texts["Priority"]) == (
        "PT0S",
        "IgnoreNew",
        "5",
    )
    assert texts["DisallowStartIfOnBatteries"] == texts["StopIfGoingOnBatteries"] == "false"
    assert (texts["Interval"], texts["Count"]) == ("PT1M", "255")
    assert texts["Command"] == str(Path("/py/pythonw.exe"))
    assert texts["Arguments"] == subprocess.list2cmdline(here.run[1:])
    assert '"/Users/me/some state"' in texts["Arguments"]


def test_task_is_in_utf_16() -> None:
    """The scheduler refuses a file whose declaration and bytes disagree."""
    written = windows.task(HERE, "me")
    assert written.startswith((b"\xff\xfe", b"\xfe\xff"))
    assert "encoding='utf-16'" in written.decode("utf-16").splitlines()[0]
    assert str(HERE.python) in written.decode("utf-16")


def test_a_task_has_somebody_to_run_it() -> None:
    """The task names its user; without one there is none."""
    service = windows.service(HERE)
    assert service.start[0].command[:4] == ("schtasks", "/Create", "/TN", "speedproof-probe")
    alone = Here(**{name: getattr(HERE, name) for name in Here.__slots__} | {"environ": {"USERNAME": "me"}})
    assert b"m\0e\0" in windows.service(alone).files[0].content
    with pytest.raises(NoService, match="USERNAME"):
        windows.service(Here(**{name: getattr(HERE, name) for name in Here.__slots__} | {"environ": {}}))
