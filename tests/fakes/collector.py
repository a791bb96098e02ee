"""A small collector for the probe's shells, on a real socket: honest, or wrong in the one way it is told.

It keeps a chain and signs receipts as the real one does; `tests/contracts` holds both to that. What it does wrong it
does as scripted, one step per request, and then it is honest again.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from aiohttp import web
from fakes.peer import reset
from strategies import COLLECTOR, DEVICE, PORTAL, ring

from shared import strictjson
from shared.batch import open_batch
from shared.chain import START, Head, follow
from shared.complaint import read_complaint
from shared.dsse import b64, read_envelope
from shared.enrolment import make_enrolment, read_request
from shared.errors import ChainFork, ChainGap, Refused
from shared.keys import FileKey, PublicKey
from shared.receipt import make_receipt
from shared.rotation import Whose, read_rotation
from shared.statement import Kind, read_statement
from shared.strictjson import Json, JsonObject

CODE = "7K3M9QX2TA"
RECEIVED_US = 1_800_000_000_000_000


@dataclass(frozen=True, slots=True)
class OnlyPublic:
    """A key of which only the public half is known here."""

    public: PublicKey


@dataclass
class FakeCollector:
    """What it kept, in order of arrival, and what it is to do wrong next."""

    device: FileKey = DEVICE
    script: list[str] = field(default_factory=list)
    lie: Callable[[JsonObject], Json] = lambda told: told
    on_enrol: Callable[[], None] = lambda: None
    url: str = ""
    asked: list[str] = field(default_factory=list)
    kept: dict[str, bytes] = field(default_factory=dict)
    receipts: dict[str, bytes] = field(default_factory=dict)
    head: Head = START
    complaints: list[str] = field(default_factory=list)
    replaced: dict[str, str] = field(default_factory=dict)  # keys, each by the one that took its place
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def seqs(self) -> list[int]:
        """The sequence numbers of every record kept, in order of arrival."""
        opened = (open_batch(body, ring(self.device)) for body in self.kept.values())
        return [record.seq for one in opened for record in one.records]

    async def post_batch(self, request: web.Request) -> web.StreamResponse:
        """Keep a batch, or do what the script says."""
        body = await request.read()
        self.asked.append("batch")
        step = self.script.pop(0) if self.script else "honest"
        if step == "kept, but not said":
            self._take(body)
            return await self._wrong("reset", request)
        return self._take(body) if step == "honest" else await self._wrong(step, request)

    def _take(self, body: bytes) -> web.Response:
        if read_envelope(body.partition(b"\n")[0]).key_id in self.replaced:
            return web.json_response(
                {"error": "revoked_key", "detail": "another key took this one's place"}, status=403
            )
        try:
            opened = open_batch(body, ring(self.device))
            identity = opened.pae_sha256
            if identity in self.receipts:
                return _receipt(200, self.receipts[identity])
            self.head = follow(self.head, opened.said, identity)
        except (ChainFork, ChainGap) as refusal:
            waited = refusal.expected or self.head.expected
            more = {"expect_batch": waited.batch, "expect_seq": waited.seq, "head": waited.head}
            return web.json_response({"error": refusal.error, "detail": refusal.detail, **more}, status=409)
        except Refused as refusal:
            return web.json_response({"error": refusal.error, "detail": refusal.detail}, status=422)
        self.kept[identity] = body
        self.receipts[identity] = make_receipt(opened, RECEIVED_US, COLLECTOR)
        return _receipt(201, self.receipts[identity])

    async def _wrong(self, step: str, request: web.Request) -> web.StreamResponse:
        match step:
            case "hang":
                self.hanging.set()
                await self.gone.wait()
            case "reset":
                reset(request)
            case "endless":
                return await self._endless(request)
            case "redirect":
                return web.Response(status=307, headers={"Location": "/elsewhere"})
            case "garbage":
                return web.Response(status=201, body=b"\xff<html>")
            case "cut off":
                answer = web.StreamResponse(status=201, headers={"Content-Length": "1000"})
                await answer.prepare(request)
                await answer.write(b'{"receipt":')
                reset(request)
                return answer
            case "503":
                told = {"detail": "the disk is full", "error": "storage_full"}
                return web.json_response(told, status=503, headers={"Retry-After": "7"})
            case "403":
                return web.json_response({"error": "unknown_key", "detail": "nobody enrolled this key"}, status=403)
        return web.Response(status=500)

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(status=201)
        await answer.prepare(request)
        try:
            while not self.gone.is_set():
                await answer.write(bytes(65_536))
                await asyncio.sleep(0)
        except ConnectionError:
            pass
        return answer

    async def post_complaint(self, request: web.Request) -> web.StreamResponse:
        """Keep a complaint, or do what the script says."""
        body = await request.read()
        self.asked.append("complaint")
        if self.script:
            return await self._wrong(self.script.pop(0), request)
        words = read_complaint(read_envelope(body), self.device.public).text
        is_new = words not in self.complaints
        if is_new:
            self.complaints.append(words)
        return web.json_response({"entry": 1, "received_us": RECEIVED_US}, status=201 if is_new else 200)

    async def post_enrolment(self, request: web.Request) -> web.StreamResponse:
        """Enrol whoever knows the code, and tell what a device needs to know, or a lie."""
        told = strictjson.decode(await request.read())
        self.asked.append("enrolment")
        self.on_enrol()
        if told["code"] != CODE or not isinstance(told["request"], dict):
            return web.json_response({"error": "code_refused", "detail": "this code is not known"}, status=403)
        asked = read_request(strictjson.encode(told["request"])).with_code(CODE)
        answer: JsonObject = {
            "collector": b64(COLLECTOR.public.spki),
            "enrolment": strictjson.decode(make_enrolment(asked, "5" * 64, RECEIVED_US, "file", PORTAL)),
            "peer": {"host": "", "key_id": "0" * 64, "name": "fake", "port": 9},
            "portal": b64(PORTAL.public.spki),
            "slots": {"guard_s": 1, "slot_s": 2},
            "subscriber": "anna",
        }
        lied = self.lie(answer)
        return web.json_response(lied, status=201) if not isinstance(lied, dict) else _told(201, lied)

    async def post_rotation(self, request: web.Request) -> web.StreamResponse:
        """Have another key take the device's place, or do what the script says."""
        self.asked.append("rotation")
        step = self.script.pop(0) if self.script else "honest"
        if step not in {"honest", "kept, but not said"}:
            return await self._wrong(step, request)
        line = strictjson.encode(strictjson.decode(await request.read())["rotation"])
        old = read_envelope(line).key_id
        if old not in {self.device.public.key_id, *self.replaced}:
            return web.json_response({"error": "unknown_key", "detail": "nobody enrolled this key"}, status=403)
        new = str(read_statement(read_envelope(line).payload, Kind.ROTATE).predicate["new"])
        if self.replaced.get(old, new) != new:
            return web.json_response(
                {"error": "revoked_key", "detail": "another key took this one's place"}, status=403
            )
        status = 200 if old in self.replaced else 201
        if status == 201:
            rotation = read_rotation(line, Whose.DEVICE, self.device.public)
            self.replaced[old], self.device = new, OnlyPublic(rotation.new)  # type: ignore[assignment]
        if step == "kept, but not said":
            return await self._wrong("reset", request)
        return web.json_response({"device": old, "key": new}, status=status)

    async def elsewhere(self, _request: web.Request) -> web.StreamResponse:
        """Note that somebody followed a redirect."""
        self.asked.append("elsewhere")
        return web.Response(status=201)


def _receipt(status: int, line: bytes) -> web.Response:
    return web.Response(status=status, body=b'{"receipt":%b}' % line)


def _told(status: int, fields: JsonObject) -> web.Response:
    try:
        body = strictjson.encode(fields)
    except strictjson.Malformed:
        return web.json_response(fields, status=status)
    return web.Response(status=status, body=body)


@asynccontextmanager
async def serving(collector: FakeCollector, port: int = 0) -> AsyncIterator[FakeCollector]:
    """Keep a collector up on loopback, on a free port unless one is named."""
    app = web.Application(client_max_size=1 << 24)
    app.router.add_post("/v1/batches", collector.post_batch)
    app.router.add_post("/v1/complaints", collector.post_complaint)
    app.router.add_post("/v1/enrolments", collector.post_enrolment)
    app.router.add_post("/v1/rotations", collector.post_rotation)
    app.router.add_post("/elsewhere", collector.elsewhere)
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=0, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
    collector.gone.clear()
    collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield collector
    finally:
        collector.gone.set()
        await runner.cleanup()
        await asyncio.sleep(0)


@contextmanager
def serving_aside(there: FakeCollector, port: int = 0) -> Iterator[FakeCollector]:
    """Keep a collector up in a thread of its own, for commands that bring their own event loop."""
    ready, done = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with serving(there, port):
            ready.set()
            await done.wait()
            await asyncio.sleep(0.02)  # for a connection that was taken and is nobody's yet

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        if not ready.wait(10):
            raise TimeoutError
        yield there
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(10)
        loop.close()
