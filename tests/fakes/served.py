"""A collector that really listens: uvicorn on a free port of loopback, in a thread, over services of the test's own."""

import asyncio
import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fakes.device import Device

from collector.api.connection import Connection
from collector.app import create_app
from collector.services import Services
from shared import batch, strictjson
from shared.enrolment import read_code

TOKEN = "desk-token-of-a-test"
CONTRACT = {"down": {"advertised_bps": 40_000_000}, "up": {"advertised_bps": 10_000_000}}
PATIENCE_S = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        """The JSON object in the body."""
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value

    @property
    def error(self) -> str:
        """The published name of the problem; only a problem has one."""
        assert self.headers["content-type"] == "application/problem+json"
        assert self.told["status"] == self.status
        return str(self.told["error"])


@dataclass(frozen=True, slots=True)
class Client:
    """Plain HTTP to a collector."""

    port: int
    token: str = TOKEN

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            told = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, told, answer.read())

    def raw(self, data: bytes) -> bytes:
        """Everything that comes back for these bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S) as connection:
            with contextlib.suppress(OSError):  # ended already: it is no connection any more
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
            parts = []
            with contextlib.suppress(ConnectionError):
                while part := connection.recv(65536):
                    parts.append(part)
            return b"".join(parts)

    def post_batch(self, body: bytes, **headers: str) -> Answer:
        """Hand over a batch."""
        return self.send("POST", "/v1/batches", body, {"Content-Type": batch.MEDIA_TYPE} | headers)

    def post_json(self, path: str, body: bytes) -> Answer:
        """Hand over JSON."""
        return self.send("POST", path, body, {"Content-Type": "application/json"})

    def command(self, name: str, told: Mapping[str, Any]) -> Answer:
        """Run a command of the desk."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        return self.send("POST", f"/v1/desk/{name}", json.dumps(told).encode(), headers)

    def add(self, subscriber: str, **fields: object) -> Answer:
        """Add a line."""
        told = {"id": subscriber, "time_zone": "Europe/Prague", "criterion": "cz-mobile-cert", "contract": CONTRACT}
        return self.command("subscriber_add", told | fields)

    def code_for(self, subscriber: str) -> str:
        """A new code for a line, as it is shown."""
        return str(self.command("code", {"subscriber": subscriber}).told["code"])

    def post_enrolment(self, code: str, request: bytes) -> Answer:
        """Ask for enrolment."""
        return self.post_json(
            "/v1/enrolments", strictjson.encode({"code": code, "request": strictjson.decode(request)})
        )

    def enrolled(self, subscriber: str, device: Device | None = None) -> Device:
        """A device enrolled for a line, which is added if need be."""
        assert self.add(subscriber).status == 200
        code = self.code_for(subscriber)
        made = device or Device()
        answer = self.post_enrolment(code, made.request(read_code(code)))
        assert answer.status == 201, answer.body
        return made

    def case(self, subscriber: str) -> dict[str, Any]:
        """What the desk is shown."""
        return self.command("case_show", {"subscriber": subscriber}).told

    def whole_case(self, subscriber: str) -> dict[str, Any]:
        """The same once the index has all that was acknowledged: before that a case is what there is, and says so."""
        deadline = time.monotonic() + 60
        while (case := self.case(subscriber))["behind_us"] and time.monotonic() < deadline:
            time.sleep(0.1)
        return case


@dataclass(frozen=True)
class Served(Client):
    """A running collector and what is behind it."""

    services: Services = field(kw_only=True)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@contextlib.contextmanager
def serving(services: Services) -> Iterator[Served]:
    """Serve for as long as the block lasts."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            create_app(services, TOKEN),
            log_level="critical",
            access_log=False,
            ws="none",
            http=Connection,
            timeout_graceful_shutdown=2,
        )
        server = _Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        services.indexer.start()
        thread.start()
        try:
            assert server.ready.wait(PATIENCE_S)
            yield Served(listener.getsockname()[1], services=services)
        finally:
            server.should_exit = True
            thread.join()
