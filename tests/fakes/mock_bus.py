"""A private D-Bus with mocks of the system's services on it, by python-dbusmock, which is not ours and knows their shapes.

Needs the distribution's packages dbus and python3-dbusmock; where they or dbus-fast are missing the tests skip and say so.
"""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

CONTROL = "org.freedesktop.DBus.Mock"
SYSTEM_PYTHON = "/usr/bin/python3"
CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>"""


def missing() -> str | None:
    """What these tests need and this machine lacks; None if it lacks nothing."""
    if find_spec("dbus_fast") is None:
        return "dbus-fast is not installed"
    if shutil.which("dbus-daemon") is None:
        return "dbus-daemon is not installed (Debian: dbus)"
    with suppress(OSError):
        done = subprocess.run([SYSTEM_PYTHON, "-c", "import dbusmock"], capture_output=True, check=False)
        if done.returncode == 0:
            return None
    return "dbusmock is not installed (Debian: python3-dbusmock)"


@dataclass
class MockBus:
    """The bus, and what was started on it."""

    address: str
    _environ: dict[str, str]
    _started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def mock(self, *words: str) -> None:
        """Begin to start a mock: a template with `-t NAME`, or a name, a path and an interface."""
        command = [SYSTEM_PYTHON, "-m", "dbusmock", "--system", *words]
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._started.append(subprocess.Popen(command, env=self._environ, **pipes))  # type: ignore[call-overload]

    def control(
        self, service: str, path: str, member: str, signature: str, *body: Any, interface: str = CONTROL
    ) -> Any:
        """Tell a mock what to be, waiting until it is there."""
        return asyncio.run(self._control(service, path, member, signature, list(body), interface))

    async def _control(
        self, service: str, path: str, member: str, signature: str, body: list[Any], interface: str
    ) -> Any:
        from dbus_fast import Message, MessageType
        from dbus_fast.aio import MessageBus

        bus = await MessageBus(bus_address=self.address).connect()
        try:
            for _ in range(200):
                answer = await bus.call(Message(service, path, interface, member, signature=signature, body=body))
                assert answer is not None
                if not str(answer.error_name).endswith(("ServiceUnknown", "NameHasNoOwner")):
                    break
                await asyncio.sleep(0.05)
            assert answer.message_type == MessageType.METHOD_RETURN, (answer.error_name, answer.body)
            return answer.body[0] if answer.body else None
        finally:
            bus.disconnect()
            await asyncio.sleep(0)

    def end(self) -> None:
        """End every mock."""
        for process in self._started:
            process.kill()
            process.wait()


@contextmanager
def mock_bus(folder: Path) -> Iterator[MockBus]:
    """Keep a private bus up."""
    socket = folder / "bus"
    configuration = folder / "bus.conf"
    configuration.write_text(CONFIGURATION.format(socket=socket))
    command = ["dbus-daemon", f"--config-file={configuration}", "--nofork", "--nopidfile", "--print-address=1"]
    daemon = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert daemon.stdout is not None
    address = daemon.stdout.readline().decode().strip()
    bus = MockBus(address, {"DBUS_SYSTEM_BUS_ADDRESS": address, "PATH": "/usr/bin:/bin"})
    try:
        yield bus
    finally:
        bus.end()
        daemon.kill()
        daemon.wait()
        daemon.stdout.close()
