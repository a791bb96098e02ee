"""What a measurement is made with: against whom, by which clock, with what chance, watched by whom. Data only."""

from dataclasses import dataclass, field

from probe.clock import Clock
from probe.net.address import PeerAddress
from probe.net.chance import Chance
from probe.net.drive import Watcher
from probe.net.tickets import Tickets
from probe.settings import Settings


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything a method's shell is given beside its plan."""

    peer: PeerAddress
    clock: Clock
    chance: Chance
    progress: Watcher | None = None
    settings: Settings = field(default_factory=Settings)
    collector_url: str | None = None
    tickets: Tickets | None = None

    @property
    def interface(self) -> str | None:
        """The interface that every socket of a method is pinned to, if one is set."""
        return self.settings.interface
