"""What the command line says of devices that come and go: codes, provisioning, revocation."""

import shutil
import sys

from collector import qr
from collector.say import Told, lines
from collector.web.localtime import LineClock, day


def code(told: Told) -> None:
    """A code was given out: by itself, as a link, and for whoever looks at a terminal as a QR code."""
    lines(f"{told['code']}", f"  for {told['subscriber']}, to be used once within {told['minutes']} minutes:")
    if "link" not in told:
        lines("  speedproof-probe enrol URL CODE")
        lines("  (with --url, the address by which probes reach this collector, there is a link and a QR code too)")
        return
    lines(f"  speedproof-probe enrol '{told['link']}'")
    drawn = qr.for_terminal(told["link"])
    if sys.stdout.isatty() and shutil.get_terminal_size().columns >= qr.width(drawn):
        lines(*drawn)


def revoked(told: Told) -> None:
    """A device was revoked."""
    news = "is revoked" if told["new"] else "was revoked already"
    lines(
        f"device {told['device'][:16]} of {told['subscriber']} {news}: nothing it signs is taken from now on; "
        "a new code enrols another device or key for the same line"
    )
    if told.get("since_us") is not None:
        lines(
            f"  what came from it since {LineClock.of('UTC').moment(told['since_us'])} UTC is contested: shown, and left out"
        )


def provisioned(told: Told) -> None:
    """What devices enrol from was written."""
    devices = "1 device" if told["devices"] == 1 else f"{told['devices']} devices"
    lines(
        f"{devices} in {told['folder']}; the codes are good until {day(told['expires_us'])}, each once",
        f"  print {told['folder']}/sheet.html: a label for each, with QR code and serial",
        "  Raspberry Pi OS: copy SERIAL/user-data onto the boot partition as user-data; it enrols at its first start",
        "    (the image has the probe already, or its wheels lie in the folder speedproof of the boot partition: see README)",
        "  any other device: speedproof-probe enrol --from provision.json",
    )
