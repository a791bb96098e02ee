"""Whatever strangers send to several processes behind one port: clear answers, bounded memory, and honest probes unaffected."""

import contextlib
import gzip
import http.client
import json
import socket
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fakes.beside import bounded, counted, honest
from fakes.device import download
from fakes.running import PATIENCE_S, Running, running
from fakes.served import Answer

from shared import batch
from shared.batch import MAX_BODY_BYTES
from shared.dsse import MAX_ENVELOPE_BYTES

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finding processes needs /proc")
MB = 1_000_000
# Far above what was seen (about 100, 30 and 5), far below what the same would take without bounds.
BOUNDS = {"worker": 250, "desk": 200, "clerk": 60}
JSON, BATCH = "application/json", batch.MEDIA_TYPE


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One collector with two workers for everything this module sends: it has to survive all of it, and not to write about it."""
    data = tmp_path_factory.mktemp("bad") / "data"
    with running(data, "--workers", "2") as made:
        yield made
        assert made.stop() == 0
    for log in (data.with_name("data.log"), *data.glob("*.log")):
        assert log.read_text() == "", (
            "what strangers do is no event: a log that they can fill is one more thing to bound"
        )


def head(path: str, media_type: str, *more: str, method: str = "POST") -> bytes:
    """A request's head, spelt by hand."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", f"Content-Type: {media_type}", *more, "", ""]).encode()


@contextlib.contextmanager
def crowd(collector: Running, number: int, *data: bytes) -> Iterator[list[socket.socket]]:
    """So many connections at once, each of which has sent this."""
    with contextlib.ExitStack() as opened:
        found = []
        for _ in range(number):
            one = opened.enter_context(socket.create_connection(("127.0.0.1", collector.port), timeout=PATIENCE_S))
            with contextlib.suppress(ConnectionError):
                for part in data:
                    one.sendall(part)
            found.append(one)
        yield found


def answer(one: socket.socket) -> Answer:
    """The answer on a connection."""
    told = http.client.HTTPResponse(one)
    with contextlib.closing(told):
        told.begin()
        return Answer(told.status, {name.lower(): value for name, value in told.getheaders()}, told.read())


def at_once(number: int, ask: Callable[[], Answer]) -> list[tuple[int, str]]:
    """Status and name of what so many are told who ask at the same time."""
    with ThreadPoolExecutor(number) as pool:
        answers = list(pool.map(lambda _: ask(), range(number)))
    return [(one.status, one.error) for one in answers]


PACKED = gzip.compress(b" " * (MAX_BODY_BYTES + 1), 9)
WRONG: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "too long": (b" " * (MAX_BODY_BYTES + 1), {}, 413, "too_large"),
    "packed, too long": (PACKED, {"Content-Encoding": "gzip"}, 413, "too_large"),
    "cut off": (PACKED[:-9], {"Content-Encoding": "gzip"}, 400, "bad_format"),
    "not packed": (b"{}", {"Content-Encoding": "gzip"}, 400, "bad_format"),
    "another coding": (b"{}", {"Content-Encoding": "br"}, 415, "bad_media_type"),
    "two codings": (b"{}", {"Content-Encoding": "gzip, gzip"}, 415, "bad_media_type"),
    "another type": (b"{}", {"Content-Type": "text/plain"}, 415, "bad_media_type"),
    "nonsense": (b"\x00" * 100_000, {}, 400, "bad_format"),
    "empty": (b"", {}, 400, "bad_format"),
}


def test_wrong_bodies(collector: Running) -> None:
    """Bodies that are too long, packed wrongly or announced wrongly are each told so, sixteen of a kind at once."""
    with honest(collector, "wrong-bodies"), bounded(collector, **BOUNDS):
        for body, headers, status, error in WRONG.values():
            told = at_once(16, lambda body=body, headers=headers: collector.post_batch(body, **headers))  # type: ignore[misc]
            assert told == [(status, error)] * 16


ENDLESS = {
    "batches": ("/v1/batches", BATCH, 413, "too_large"),
    "complaints": ("/v1/complaints", JSON, 413, "too_large"),
    "enrolments": ("/v1/enrolments", JSON, 413, "too_large"),
    "desk": ("/v1/desk/import", JSON, 401, "not_allowed"),
    "nowhere": ("/nowhere", JSON, 404, "not_found"),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_endless_bodies(collector: Running, name: str) -> None:
    """A body without an end is refused as soon as it is too long, whoever would have to read it, and nobody holds it."""
    path, media_type, status, error = ENDLESS[name]
    piece = b"10000\r\n" + b" " * 65_536 + b"\r\n"

    def send() -> Answer:
        with socket.create_connection(("127.0.0.1", collector.port), timeout=PATIENCE_S) as one:
            one.sendall(head(path, media_type, "Transfer-Encoding: chunked"))
            for _ in range(320):  # 20 MiB, far beyond the answer
                one.sendall(piece)
            return answer(one)

    with honest(collector, f"endless-{name}"), bounded(collector, **BOUNDS):
        assert at_once(8, send) == [(status, error)] * 8


def test_dawdlers(collector: Running) -> None:
    """Hundreds who begin a body or a head and send no more keep nobody out, neither from the workers nor from the desk."""
    begun = [
        head("/v1/batches", BATCH, "Content-Length: 9000") + b"x",
        head("/v1/complaints", JSON, "Content-Length: 9000") + b"x",
        head("/v1/complaints", JSON, "Transfer-Encoding: chunked") + b"1\r\nx\r\n",
        head("/v1/desk/judge", JSON, "Expect: 100-continue", "Content-Length: 9000"),
        b"POST /v1/batches HTTP/1.1\r\nHo",
        b"",
    ]
    with honest(collector, "dawdlers") as probe, bounded(collector, **BOUNDS), contextlib.ExitStack() as opened:
        for data in begun:
            opened.enter_context(crowd(collector, 300, data))
        probe.goes_on()
        assert collector.enrolled("beside-dawdlers").dev


def test_more_dawdlers_than_bodies_are_taken(collector: Running) -> None:
    """Of thousands of bodies that do not come in, the slowest are sent away for those that come: with 503 and when to come again."""
    data = head("/v1/batches", BATCH, "Content-Length: 9000") + b"x"
    with honest(collector, "thousands") as probe, bounded(collector, **BOUNDS), crowd(collector, 2600, data) as slow:
        probe.goes_on()
        slow[0].settimeout(PATIENCE_S)
        told = answer(slow[0])
        assert (told.status, told.error) == (503, "overloaded")
        assert int(told.headers["retry-after"]) >= 30


def test_large_bodies_that_stop(collector: Running) -> None:
    """Bodies of 200 MB together that stop just before their end are not all held: those that began first are sent away."""
    body = b" " * (MAX_BODY_BYTES - 1)
    data = head("/v1/batches", BATCH, f"Content-Length: {len(body) + 1}") + body
    number = 200 * MB // len(body)
    with honest(collector, "large") as probe, bounded(collector, **BOUNDS), crowd(collector, number, data) as slow:
        probe.goes_on()
        told = []
        for one in slow:
            one.settimeout(0.05)
            with contextlib.suppress(TimeoutError, ConnectionError):
                found = answer(one)
                told.append((found.status, found.error))
        assert set(told) == {(503, "overloaded")}
        assert len(told) >= number - 2 * 64 * (1 << 20) // len(body) - 1


ODD: dict[str, tuple[bytes, int]] = {
    "options of everything": (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a host in the target": (b"GET http://elsewhere/v1/collector HTTP/1.1\r\nHost: x\r\n\r\n", 200),
    "a user in the target": (b"GET http://u:p@elsewhere:1/v1/collector HTTP/1.1\r\nHost: x\r\n\r\n", 200),
    "only a host": (b"GET http://elsewhere HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "connect": (b"CONNECT elsewhere:443 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "trace": (b"TRACE /v1/collector HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    "propfind": (b"PROPFIND /v1/collector HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    "search": (b"M-SEARCH * HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a method nobody knows": (b"FETCH /v1/collector HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "two slashes": (b"GET //elsewhere/v1/collector HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    "an at": (b"GET /@elsewhere/ HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    "dots": (b"GET /../../v1/collector HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    "brackets": (b'GET /v1/collector?[a]={b}|^`"<> HTTP/1.1\r\nHost: x\r\n\r\n', 200),
    "percent and nothing": (b"GET /%zz%ff%00% HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    "no ascii": (b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "http/1.0": (b"GET /v1/collector HTTP/1.0\r\n\r\n", 200),
    "http/1.0 that would stay": (b"GET /v1/collector HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200),
    "http/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "tls": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "a field that is no text": (b"GET /v1/collector HTTP/1.1\r\nHost: x\r\nX: \xff\xe9\r\n\r\n", 200),
    "nul in a field": (b"GET /v1/collector HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n", 400),
    "a field of this connection": (b"GET /v1/collector HTTP/1.1\r\nHost: x\r\nConnection: Accept\r\nAccept: x\r\n\r\n", 200),
    "two lengths": (b"POST /v1/complaints HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    "a length and chunks": (
        b"POST /v1/complaints HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
    ),
    "a body nobody wants": (b"GET /v1/collector HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 200),
    "chunks and a trailer": (
        head("/v1/complaints", JSON, "Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\nX: y\r\n\r\n", 400,
    ),
    "an upgrade": (b"GET /v1/collector HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 200),
    "an upgrade with a body": (
        head("/v1/complaints", JSON, "Connection: Upgrade", "Upgrade: h2c", "Content-Length: 2") + b"{}", 400,
    ),
    "many fields": (b"GET /v1/collector HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 20_000 + b"\r\n", 431),
    "a long field": (b"GET /v1/collector HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", 431),
    "fields without end": (b"GET /v1/collector HTTP/1.1\r\n" + b"X: y\r\n" * 1_000_000, 431),
    "a long target": (b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
}  # fmt: skip


@pytest.fixture(scope="module")
def beside(collector: Running) -> Iterator[None]:
    """An honest probe beside all odd requests, and bounds for all of them together."""
    with honest(collector, "odd"), bounded(collector, **BOUNDS):
        yield


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize("name", ODD)
def test_odd_requests(collector: Running, name: str) -> None:
    """Whatever HTTP allows and nobody means is answered at once, errors in the words of all errors, and nothing hangs."""
    data, status = ODD[name]
    with crowd(collector, 1, data) as (one,):
        told = answer(one)
    assert told.status == status
    if status != 200:
        assert told.error in {"bad_request", "bad_format", "not_found", "head_too_large"}
        assert told.told["detail"]


@pytest.mark.usefixtures("beside")
def test_expecting_to_be_told_to_go_on(collector: Running) -> None:
    """Whoever waits for `100 Continue` gets it from a worker, for a batch and for what goes on to the desk, or a refusal first."""
    device = collector.enrolled("expects")
    cases = [
        ("/v1/batches", BATCH, device.next(), 201),
        ("/v1/complaints", JSON, device.complaint("Slow."), 201),
    ]
    for path, media_type, body, status in cases:
        with crowd(collector, 1, head(path, media_type, "Expect: 100-continue", f"Content-Length: {len(body)}")) as (
            one,
        ):
            assert one.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
            one.sendall(body)
            assert answer(one).status == status
    refused = head("/v1/batches", "text/plain", "Expect: 100-continue", "Content-Length: 9")
    with crowd(collector, 1, refused) as (one,):
        assert one.recv(65_536).startswith(b"HTTP/1.1 415 ")


@pytest.mark.usefixtures("beside")
def test_requests_in_a_row(collector: Running) -> None:
    """Batches and questions for the desk, sent ahead on one connection and half closed, are answered in their order."""
    device = collector.enrolled("in-a-row")
    bodies = device.chain(5)
    data = b""
    for body in bodies:
        data += head("/v1/batches", BATCH, f"Content-Length: {len(body)}") + body
        data += head("/v1/collector", JSON, method="GET")
    said = collector.raw(data)
    assert [part[:3] for part in said.split(b"HTTP/1.1 ")[1:]] == [b"201", b"200"] * 5
    counted(collector, "in-a-row", 5)
    assert collector.raw(head("/v1/collector", JSON, method="GET") * 20_000) == b""


def test_readers_that_stop(collector: Running) -> None:
    """Dozens who ask for megabytes and read nothing of it keep nobody waiting, and no worker holds what they do not read."""
    device = collector.enrolled("reads")
    for _ in range(2):
        bulk = [download(t_us=list(range(number, number + 9000))) for number in range(20)]
        assert collector.post_batch(device.next(*bulk)).status == 201
    assert len(collector.command("evidence", {"subscriber": "reads"}).body) > MB
    body = json.dumps({"subscriber": "reads"}).encode()
    allowed = f"Authorization: Bearer {collector.token}"
    data = head("/v1/desk/evidence", JSON, allowed, f"Content-Length: {len(body)}") + body
    bounds = BOUNDS | {"worker": 60, "desk": 400}
    with honest(collector, "beside-readers") as probe, bounded(collector, **bounds), crowd(collector, 40, data):
        for _ in range(5):
            probe.goes_on()


def test_tiny_batches(collector: Running) -> None:
    """Hundreds of batches of one record of one device in a row are each kept once, and leave nothing behind in memory."""
    device = collector.enrolled("tiny")
    connection = http.client.HTTPConnection("127.0.0.1", collector.port, timeout=PATIENCE_S)
    with honest(collector, "beside-tiny"), bounded(collector, **BOUNDS), contextlib.closing(connection):
        for _ in range(600):
            connection.request("POST", "/v1/batches", device.next(), {"Content-Type": BATCH})
            told = connection.getresponse()
            assert (told.status, bool(told.read())) == (201, True)
    counted(collector, "tiny", 600)


def test_those_who_leave(collector: Running) -> None:
    """Whoever breaks off, at any point of a request or of its answer, harms nobody and leaves nothing behind."""
    device = collector.enrolled("leaves")
    body = device.next()
    whole = [
        head("/v1/batches", BATCH, f"Content-Length: {len(body)}") + body,
        head("/v1/complaints", JSON, "Content-Length: 2") + b"{}",
        head("/v1/desk/import", JSON, "Content-Length: 200000") + b"x" * 100_000,
        head("/v1/collector", JSON, method="GET"),
    ]
    at_once = struct.pack("ii", 1, 0)  # SO_LINGER: a reset instead of an end
    with honest(collector, "beside-leavers") as probe, bounded(collector, **BOUNDS):
        for data in whole:
            for length in (len(data) // 3, len(data) - 1, len(data)):
                for _ in range(20):
                    with socket.create_connection(("127.0.0.1", collector.port), timeout=PATIENCE_S) as one:
                        one.sendall(data[:length])
                        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        probe.goes_on()
    assert collector.post_batch(body).status == 200


def test_all_limits_are_named(collector: Running) -> None:
    """An envelope that is longer than any is refused by its own name, whether it comes at once or in parts."""
    long = b'{"code":"' + b"x" * MAX_ENVELOPE_BYTES + b'"}'
    assert collector.post_json("/v1/enrolments", long).error == "too_large"
    with crowd(collector, 1, head("/v1/complaints", JSON, "Transfer-Encoding: chunked")) as (one,):
        with contextlib.suppress(ConnectionError):
            for _ in range(MAX_ENVELOPE_BYTES // 1000 + 2):
                one.sendall(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
            one.sendall(b"0\r\n\r\n")
        assert answer(one).error == "too_large"
