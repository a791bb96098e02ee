"""A bus that answers from a table, for readers whose questions are properties. Not a substitute for a real one: see mock_bus."""

from dataclasses import dataclass, field

from probe.platform.system_bus import Silent


@dataclass
class PlainBus:
    """Properties by path, interface and name; methods by path and member. What is not there is refused."""

    told: dict[tuple[str, str, str], object] = field(default_factory=dict)
    methods: dict[tuple[str, str], object] = field(default_factory=dict)
    failing: Silent | None = None

    async def get(self, _service: str, path: str, interface: str, name: str, *, wake: bool = False) -> object:
        """Give one property."""
        del wake
        if self.failing is not None:
            raise self.failing
        try:
            return self.told[path, interface, name]
        except KeyError as error:
            raise Silent("UnknownProperty") from error

    async def ask(self, _service: str, path: str, _interface: str, member: str) -> object:
        """Answer one method."""
        try:
            return self.methods[path, member]
        except KeyError as error:
            raise Silent("UnknownMethod") from error

    async def objects(self, _service: str, path: str) -> object:
        """Give the objects below a path."""
        if self.failing is not None:
            raise self.failing
        return self.methods[path, "GetManagedObjects"]
