"""Reaching the desk's commands from a command line: over HTTP while a collector runs, in this process otherwise."""

import contextlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import urlsplit

from collector.config import Config
from collector.errors import AlreadyRunning, BadRequest, CollectorError
from collector.holding import DESK_FILE, FolderLock

_WAIT_S = 15
_TIMEOUT_S = 600
_ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - to be told apart, not to listen on


class CommandFailed(CollectorError):
    """The running collector refused a command; the text is its answer."""


class Desk(Protocol):
    """Whatever runs the desk's commands."""

    @property
    def url(self) -> str | None:
        """Where the collector listens; None if none runs."""

    def run(self, command: str, told: dict[str, Any]) -> dict[str, Any]:
        """Run one command; raises a CollectorError."""


class RemoteDesk:
    """Commands to the collector that runs over the folder."""

    def __init__(self, url: str, token: str, at: str) -> None:
        self.url = url
        self._at = at  # where commands go: with workers the desk has a port of its own
        self._token = token

    def run(self, command: str, told: dict[str, Any]) -> dict[str, Any]:
        """Run one command over there."""
        request = urllib.request.Request(  # noqa: S310 - the address is from a file only we can write
            f"{self._at}/v1/desk/{command}",
            json.dumps(told).encode(),
            {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=_TIMEOUT_S) as answer:
                result: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            detail = _detail(error.read(), error.code)
            kind = BadRequest if error.code == HTTPStatus.BAD_REQUEST else CommandFailed
            raise kind(detail) from error
        except (OSError, ValueError) as error:
            raise CommandFailed(f"the running collector at {self._at} does not answer: {error}") from error
        return result


def _detail(answer: bytes, status: int) -> str:
    try:
        return str(json.loads(answer)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the running collector answered {status}"


def address_for_probes(config: Config, desk: Desk) -> str | None:
    """By which address probes reach the collector: the one that is set, else where it listens, if that is one address."""
    if config.url is not None or desk.url is None:
        return config.url
    return None if urlsplit(desk.url).hostname in _ANY_ADDRESS else desk.url


@contextlib.contextmanager
def open_desk(config: Config) -> Iterator[Desk]:
    """The desk of a data folder, wherever it is; raises AlreadyRunning if another process holds it and does not answer."""
    with contextlib.ExitStack() as opened:
        try:
            desk = opened.enter_context(_own(config))
        except AlreadyRunning:
            desk = _running(config)
        yield desk


def _own(config: Config) -> contextlib.AbstractContextManager[Desk]:
    """The desk in this process; raises AlreadyRunning."""
    FolderLock(config.data).close()  # is it free? Only then what a collector needs is loaded
    from collector.local_desk import local_desk  # noqa: PLC0415 - a command to a running collector needs none of it

    return local_desk(config)


def _running(config: Config) -> RemoteDesk:
    """The collector that holds the folder, as soon as it has said where it listens."""
    deadline = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError, KeyError):
            told = json.loads((config.data / DESK_FILE).read_text())
            return RemoteDesk(told["url"], told["token"], told.get("at", told["url"]))
        time.sleep(0.1)
    raise AlreadyRunning(f"another process holds {config.data}, and it is no running collector; wait for it or end it")
