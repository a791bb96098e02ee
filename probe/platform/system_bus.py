"""Reading properties over the system's D-Bus, with dbus-fast where it is installed (the extra `radio`).

What is asked here only reads, and wakes no service up unless it says so. A service that is not there, refuses or hangs is
`Silent`, with a few words. The library is imported when there is a bus to talk to, and not before: it costs memory that a
phone need not spend.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from probe.radio.strangers import few_words

if TYPE_CHECKING:
    from dbus_fast.aio import MessageBus

ADDRESS: Final = "DBUS_SYSTEM_BUS_ADDRESS"
SOCKETS: Final = (Path("/run/dbus/system_bus_socket"), Path("/var/run/dbus/system_bus_socket"))
CONNECT_S: Final = 1.0
CALL_S: Final = 3.0
ABSENT: Final = frozenset({
    "org.freedesktop.DBus.Error.ServiceUnknown",
    "org.freedesktop.DBus.Error.NameHasNoOwner",
})  # fmt: skip


class Silent(Exception):
    """A service did not tell."""

    def __init__(self, why: str, *, absent: bool = False) -> None:
        """Say why; `absent` if there is nobody who could have told, which is nobody's fault."""
        super().__init__(why)
        self.why = why
        self.absent = absent


@dataclass(frozen=True, slots=True)
class Bus:
    """An open connection to the bus."""

    _bus: "MessageBus"

    async def objects(self, service: str, path: str) -> dict[str, dict[str, dict[str, object]]]:
        """Give the objects of a service: path, interface, property. Raises Silent."""
        told = await self.ask(service, path, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
        if not isinstance(told, dict):
            raise Silent("an odd answer")
        return {str(where): {str(one): dict(its) for one, its in what.items()} for where, what in told.items()}

    async def get(self, service: str, path: str, interface: str, name: str, *, wake: bool = False) -> object:
        """Give one property. Raises Silent."""
        return await self.ask(
            service, path, "org.freedesktop.DBus.Properties", "Get", "ss", (interface, name), wake=wake
        )

    async def ask(
        self,
        service: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: tuple[str, ...] = (),
        *,
        wake: bool = False,
    ) -> object:
        """Make one call that only reads, and give its first value without the bus's own wrapping. Raises Silent."""
        from dbus_fast import Message, MessageFlag, MessageType, unpack_variants  # noqa: PLC0415  (only with a bus)

        flags = MessageFlag.NONE if wake else MessageFlag.NO_AUTOSTART
        message = Message(service, path, interface, member, flags=flags, signature=signature, body=list(body))
        try:
            async with asyncio.timeout(CALL_S):
                answer = await self._bus.call(message)
        except TimeoutError as error:
            raise Silent(f"no answer within {CALL_S:g} s") from error
        except (OSError, EOFError) as error:
            raise Silent("the bus hung up") from error
        if answer is None or answer.message_type != MessageType.METHOD_RETURN or not answer.body:
            error_name = "" if answer is None else answer.error_name or ""
            raise Silent(few_words(error_name.rpartition(".")[2]) or "an odd answer", absent=error_name in ABSENT)
        told: object = unpack_variants(answer.body[0])
        return told


def there_is_one() -> bool:
    """Say whether this system has a bus to talk to."""
    return ADDRESS in os.environ or any(one.is_socket() for one in SOCKETS)


@asynccontextmanager
async def system_bus() -> AsyncIterator[Bus | None]:
    """Connect to the system's bus; None where there is none, or no library to speak to it with. Raises Silent."""
    if not there_is_one():
        yield None
        return
    try:
        from dbus_fast import BusType  # noqa: PLC0415  (an extra, and costly)
        from dbus_fast.aio import MessageBus  # noqa: PLC0415
        from dbus_fast.errors import AuthError, InvalidAddressError  # noqa: PLC0415
    except ImportError:
        yield None
        return
    try:
        bus = MessageBus(bus_type=BusType.SYSTEM)
    except (OSError, InvalidAddressError) as error:
        raise Silent(f"no connection: {type(error).__name__}") from error
    try:
        try:
            async with asyncio.timeout(CONNECT_S):
                await bus.connect()
        except (OSError, EOFError, AuthError) as error:
            raise Silent(f"no connection: {type(error).__name__}") from error
        yield Bus(bus)
    finally:
        bus.disconnect()
        await asyncio.sleep(0)
