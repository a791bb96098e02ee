"""`up`: the collector and its peer on one machine, over one data folder, until told to stop.

The peer is a program of its own with its own key; it ends when this one does, however that is. The desk's token is made
once per folder, kept in a file only its owner can read, and is never written to a log.
"""

import contextlib
import ipaddress
import json
import os
import resource
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import IO, Final, NoReturn

import uvicorn

from collector import desk
from collector.api.connection import Connection
from collector.app import create_app
from collector.clock import SystemClock
from collector.config import Config
from collector.crew import Crew
from collector.daily import Daily
from collector.enrol import Portal
from collector.errors import BadRequest, CollectorError
from collector.holding import DESK_FILE
from collector.keyhistory import FOLDER as HISTORY
from collector.retain import Run
from collector.services import Services
from shared.lineage import Lineage
from shared.rotation import Whose

MOST_PORT: Final = 65535
DESK_ABOVE: Final = 3  # the desk's own port above the probes'
INDEX_NICENESS: Final = 10  # beside workers: who brings batches waits for an answer, the index can lag for a while


class CannotStart(CollectorError):
    """A port is taken, the peer did not come up, or it ended: without it every measurement would look like a dead line."""


def run_up(config: Config, ready: Callable[[dict[str, object]], None]) -> None:
    """Run until SIGINT or SIGTERM; calls `ready` once everything answers. Raises what `Services` does, and CannotStart."""
    _check_host(config.host)
    _allow_connections()
    with contextlib.ExitStack() as opened:
        crew = opened.enter_context(Crew(config, SystemClock())) if config.workers else None
        services = Services.over_folder(config, open_ledger=None if crew is None else crew.open_ledger)
        opened.callback(services.close)
        listener = opened.enter_context(_listening(config, config.port))
        desk = None if crew is None else opened.enter_context(_listening(config, _desk_port(config)))
        line = services.server_keys.lines[Whose.PORTAL]
        peer, facts = opened.enter_context(_peer(config, line, _from_here(listener)))
        services.peer = _peer_facts(config, facts)
        services.figures = None if crew is None else crew.metrics
        if crew is not None:
            listener.listen(socket.SOMAXCONN)
            crew.start_workers(config.workers, listener)
            services.indexer.niceness = INDEX_NICENESS
        _serve(config, services, listener, peer, crew, desk, ready)


def _serve(
    config: Config,
    services: Services,
    listener: socket.socket,
    peer: "subprocess.Popen[bytes]",
    crew: Crew | None,
    desk: socket.socket | None,
    ready: Callable[[dict[str, object]], None],
) -> None:
    """Answer, on the listener or behind the workers who do, until told to stop."""
    token = desk_token(config.data)
    url, desk_url = _url(listener), _url(desk or listener)
    services.indexer.start()
    services.witnesses.start()
    services.stamps.start()
    daily = None if config.retain_days is None else Daily(_local(services), config.retain_days)
    if daily is not None:
        daily.start()
    services.learning.start()
    settings = uvicorn.Config(
        create_app(services, token),
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=3,
        server_header=False,
        date_header=crew is None,
        http=Connection,
        ws="none",
    )
    server = _Server(settings, lambda: _announce(config, url, desk_url, token, services, ready))
    if crew is not None:
        crew.failed = lambda: setattr(server, "should_exit", True)
    signal.signal(signal.SIGTERM, _stop)
    threading.Thread(target=_stop_with, args=(peer, server), name="peer watch", daemon=True).start()
    try:
        server.run(sockets=[listener] if crew is None or desk is None else [crew.desk, desk])
        if crew is not None and crew.failure is not None:
            raise CannotStart(crew.failure)
        if peer.poll() is not None:
            raise CannotStart(f"the peer ended by itself (exit code {peer.returncode}); see {config.data / 'peer.log'}")
    except (KeyboardInterrupt, SystemExit):
        pass
    finally:
        if daily is not None:
            daily.close()
        (config.data / DESK_FILE).unlink(missing_ok=True)


def _local(services: Services) -> Run:
    """The desk's commands, in this process."""
    portal = Portal(services)
    return lambda command, told: desk.run(command, services, portal, told)


def _stop_with(peer: "subprocess.Popen[bytes]", server: uvicorn.Server) -> None:
    """End the server when the peer ends."""
    peer.wait()
    server.should_exit = True


class _Server(uvicorn.Server):
    """uvicorn, saying when it answers."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._started()


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise SystemExit(0)


def _desk_port(config: Config) -> int:
    if config.desk_port is not None:
        return config.desk_port
    if config.port + DESK_ABOVE > MOST_PORT:
        raise BadRequest(f"there is no port {DESK_ABOVE} above {config.port} for the desk; name one with --desk-port")
    return config.port + DESK_ABOVE if config.port else 0


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _from_here(listener: socket.socket) -> str:
    """By which address a process of this machine reaches what listens."""
    host, port = listener.getsockname()[:2]
    address = ipaddress.ip_address(host)
    if address.is_unspecified:
        host = "127.0.0.1" if address.version == 4 else "::1"  # noqa: PLR2004 - of IP
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _announce(
    config: Config, url: str, desk_url: str, token: str, services: Services, ready: Callable[[dict[str, object]], None]
) -> None:
    """Tell the command line of this folder where to find us, then the user."""
    file = config.data / DESK_FILE
    private_file(file, json.dumps({"url": url, "at": desk_url, "token": token, "pid": os.getpid()}))
    ready(
        {
            "ready": True,
            "url": url,
            "desk_url": f"{desk_url}/?key={token}",
            "peer": services.peer,
            "data": str(config.data),
            "torn_bytes": services.ledger.torn_bytes,
            "collector_key": services.collector_key.public.key_id,
            "log_key": services.log_key.public.vkey,
        }
    )


def _allow_connections() -> None:
    """Take as many files as this process may have, and whoever it starts: a system's usual 1024 are few for probes."""
    with contextlib.suppress(ValueError, OSError):
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _check_host(host: str) -> None:
    try:
        ipaddress.ip_address(host)
    except ValueError as error:
        raise BadRequest(f"host is an IP address to listen on, such as 127.0.0.1 or 0.0.0.0, not {host!r}") from error


@contextlib.contextmanager
def _listening(config: Config, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((config.host, port))
        except OSError as error:
            raise CannotStart(f"cannot listen on {config.host} port {port}: {error.strerror}; try --port") from error
        yield listener


@contextlib.contextmanager
def _peer(
    config: Config, portal: Lineage, collector: str
) -> Iterator[tuple["subprocess.Popen[bytes]", dict[str, str | int]]]:
    """The peer's process, and what it said when it was ready.

    It admits the probes that this portal has enrolled, by any key, and hands what it signs over to the collector.
    """
    keys = config.data / "keys"
    private_file(keys / "portal.pub.pem", portal.newest.to_pem().decode().rstrip())
    command = [sys.executable, "-m", "collector.peer", "--host", config.host, "--port", str(config.peer_port)]
    command += ["--key", str(keys / "peer.pem"), "--admit", str(keys / "portal.pub.pem")]
    command += [f"--admit={keys / HISTORY / Whose.PORTAL / one.key_id}.pem" for one in portal.keys[:-1]]
    command += ["--transfers", str(config.data / "transfers.ndjson"), "--collector", collector]
    command += ["--stop-with-stdin", "--no-faults"]
    if config.peer_tls_cert is not None:
        command += ["--tls-cert", str(config.peer_tls_cert), "--tls-port", str(config.peer_tls_port)]
    if config.peer_tls_key is not None:
        command += ["--tls-key", str(config.peer_tls_key)]
    log = config.data / "peer.log"
    with (
        log.open("ab") as errors,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors) as process,
    ):
        try:
            if process.stdout is None:
                raise CannotStart("the peer has no output")
            yield process, _ready_line(process.stdout, log)
        finally:
            process.terminate()
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:
                process.kill()


def _ready_line(output: IO[bytes], log: Path) -> dict[str, str | int]:
    line = output.readline()
    try:
        told: dict[str, str | int] = json.loads(line)
    except ValueError as error:
        tail = log.read_text(errors="replace").strip().splitlines()[-1:]
        raise CannotStart(f"the peer did not come up: {' '.join(tail) or 'it said nothing'}") from error
    return told


def _peer_facts(config: Config, told: dict[str, str | int]) -> dict[str, str | int]:
    """What probes are told of the peer; an empty host means the one they reach the collector by."""
    facts = {"host": config.peer_host or "", "key_id": told["key_id"], "name": told["name"], "port": told["port"]}
    if "tls_port" in told:
        facts |= {"port": told["tls_port"], "tls": True, "udp_port": told["port"]}
    return facts


def desk_token(data: Path) -> str:
    """The desk's token of a data folder, made on first use."""
    file = data / "keys" / "desk.token"
    with contextlib.suppress(FileNotFoundError):
        token = file.read_text().strip()
        if token:
            return token
    private_file(file, secrets.token_urlsafe(24))
    return file.read_text().strip()


def private_file(file: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    partial = file.with_suffix(".new")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text + "\n")
    partial.replace(file)
