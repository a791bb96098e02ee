"""The provisioning file: what a technician puts onto a device so that it enrols by itself at its first start. Pure.

One JSON object (RFC 8259), made by `speedproof-collector provision` and read by `speedproof-probe enrol --from`
(FORMAT.md, section 7). White space and order are free, since people open it; members nobody knows are left alone. It holds
a one-time code, so it is for the device's owner only; the device's key is made on the device and is never in it.
"""

import json
from dataclasses import dataclass

from shared.enrolment import read_code, show_code
from shared.errors import Malformed
from shared.invitation import Invitation, read_address, read_key_id

FORMAT = "speedproof-provision/v1"
MAX_BYTES = 256 * 1024
_TEXTS = ("serial", "ca", "settings")


@dataclass(frozen=True, slots=True)
class Provision:
    """An invitation, and what else the device is told; empty text: nothing."""

    invitation: Invitation
    serial: str = ""  # what is printed on its label
    ca: str = ""  # certificates (PEM) to believe besides the system's
    settings: str = ""  # what becomes its settings.toml


def write_provision(provision: Provision) -> str:
    """The file's text: ASCII, one member on each line."""
    invitation = provision.invitation
    told = {
        "format": FORMAT,
        "url": invitation.url,
        "code": show_code(invitation.code),
        "collector_key": invitation.collector_key,
        "serial": provision.serial,
        "ca": provision.ca,
        "settings": provision.settings,
    }
    return json.dumps({name: text for name, text in told.items() if text}, indent=2) + "\n"


def read_provision(data: bytes) -> Provision:
    """Read the file; raises Malformed saying what is wrong in it."""
    if len(data) > MAX_BYTES:
        raise Malformed(f"a provisioning file of more than {MAX_BYTES} bytes")
    try:
        told = json.loads(data)
    except (ValueError, RecursionError) as error:  # a UnicodeDecodeError is a ValueError
        raise Malformed(f"it is not JSON: {error}") from error
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise Malformed(f"it has no member format with the value {FORMAT}")
    for name in ("url", "code"):
        if not isinstance(told.get(name), str):
            raise Malformed(f"{name} is missing or not text")
    for name in ("collector_key", *_TEXTS):
        if not isinstance(told.get(name, ""), str):
            raise Malformed(f"{name} is not text")
    key = told.get("collector_key", "")
    invitation = Invitation(read_address(told["url"]), read_code(told["code"]), read_key_id(key) if key else None)
    return Provision(invitation, *(told.get(name, "") for name in _TEXTS))
