"""What the words of `provision` mean; reads the files they name. Raises BadRequest."""

import argparse
import re
import tomllib
from pathlib import Path
from typing import Any

from collector.errors import BadRequest
from collector.provision.folder import Terms
from collector.provision.units import Unit, listed, numbered
from shared.provision import MAX_BYTES

MOST_DAYS = 366
_APN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,99}")  # 3GPP TS 23.003 section 9.1: as a name in DNS, at most 100 bytes
_SSH_KEY = re.compile(r"(ssh|ecdsa|sk)-[!-~]+ [A-Za-z0-9+/=]+( [ -~]*)?")


def contract_of(options: argparse.Namespace) -> dict[str, Any]:
    """The members of a line that is to be added, but for its id."""
    return {
        "time_zone": options.time_zone,
        "criterion": options.criterion,
        "area_class": options.area_class,
        "contract": {way: dict(speeds) for way, speeds in (("down", options.down), ("up", options.up)) if speeds},
    }


def units_of(options: argparse.Namespace) -> tuple[Unit, ...]:
    """The devices that are asked for."""
    if options.subscribers is not None:
        return listed(_read(options.subscribers), options.serial_prefix)
    return numbered(options.count, options.subscriber_prefix, options.serial_prefix)


def terms_of(options: argparse.Namespace, url: str | None) -> Terms:
    """What the devices have in common; `url` is the address by which probes reach the collector, if it is known."""
    if url is None:
        raise BadRequest("--url is missing: the address by which the devices will reach this collector")
    if not 1 <= options.days <= MOST_DAYS:
        raise BadRequest(f"codes are good for 1 to {MOST_DAYS} days, not {options.days}")
    adds = options.count is not None
    if adds and (options.time_zone is None or not (options.down or options.up)):
        raise BadRequest("new lines need --time-zone, and --down or --up with what their contract promises")
    return Terms(
        url,
        options.days,
        contract_of(options) if adds else None,
        _certificates(options.ca),
        _settings(options.settings),
        _ssh_key(options.ssh_key),
        modem=options.with_modem,
        apn=_apn(options.apn),
    )


def _certificates(file: Path | None) -> str:
    text = _read(file) if file else ""
    if file and "-----BEGIN CERTIFICATE-----" not in text:
        raise BadRequest(f"{file} holds no certificates (PEM)")
    return text


def _settings(file: Path | None) -> str:
    text = _read(file) if file else ""
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadRequest(f"{file} is not TOML: {error}") from error
    return text


def _ssh_key(file: Path | None) -> str:
    text = _read(file).strip() if file else ""
    if file and not _SSH_KEY.fullmatch(text):
        raise BadRequest(f"{file} is not one public key, such as ssh-ed25519 AAAA…")
    return text


def _apn(name: str) -> str:
    if name and not _APN.fullmatch(name):
        raise BadRequest(f"{name[:80]!r} is no access point's name: letters, digits, dots and dashes")
    return name


def _read(file: Path) -> str:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise BadRequest(f"{file} cannot be read: {error.strerror}") from error
    if len(data) > MAX_BYTES // 2:
        raise BadRequest(f"{file} is larger than {MAX_BYTES // 2} bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest(f"{file} is not UTF-8") from error
