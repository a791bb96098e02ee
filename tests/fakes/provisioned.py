"""Units with codes, made up."""

from collector.provision.units import Ready, Unit
from shared.invitation import Invitation
from shared.provision import Provision

CODE, KEY = "7K3M9QX2TA", "0f" * 32
EXPIRES_US = 1_800_000_000_000_000


def ready(serial: str = "SP-001", subscriber: str = "line-001", **more: str) -> Ready:
    """A unit that has its code."""
    invitation = Invitation("https://proof.example.net", CODE, KEY)
    return Ready(Unit(serial, subscriber), Provision(invitation, serial, **more), EXPIRES_US)
