"""`code`, `provision` and `revoke`: which devices may measure for a line."""

import argparse
from typing import Any

from collector import say, say_devices
from collector.command import address_for_probes, open_desk
from collector.options import config_of, tell
from collector.provision.folder import provision
from collector.provision.options import terms_of, units_of
from shared.enrolment import read_code
from shared.invitation import Invitation

Result = dict[str, Any]


def code(options: argparse.Namespace) -> None:
    """Give a code for one device of a line."""
    config = config_of(options)
    with open_desk(config) as desk:
        told = desk.run("code", {"subscriber": options.subscriber, "minutes": options.code_minutes})
        url = address_for_probes(config, desk)
    if url is not None:
        told |= {"url": url, "link": Invitation(url, read_code(told["code"]), told["collector_key"]).link}
    tell(options, told, say_devices.code)


def make_ready(options: argparse.Namespace) -> None:
    """Write folders with which new devices enrol by themselves."""
    config, units = config_of(options), units_of(options)
    with open_desk(config) as desk:
        terms = terms_of(options, address_for_probes(config, desk))
        made = provision(
            desk, units, terms, options.out, lambda done: say.progress("provision", done, len(units), "devices")
        )
    told: Result = {
        "devices": len(made),
        "folder": str(options.out),
        "url": terms.url,
        "expires_us": min(ready.expires_us for ready in made),
    }
    tell(options, told, say_devices.provisioned)


def revoke(options: argparse.Namespace) -> None:
    """Believe a device no more."""
    with open_desk(config_of(options)) as desk:
        told = {"device": options.device, "reason": options.reason, "stolen_since": options.stolen_since}
        tell(options, desk.run("revoke", told), say_devices.revoked)
