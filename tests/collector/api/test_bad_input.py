"""Whatever a stranger sends: each entrance answers, nothing is kept, and the collector goes on."""

import contextlib
import gzip
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fakes.clock import FakeClock
from fakes.device import Device
from fakes.served import Served, serving

from collector.config import Config
from collector.services import Services
from shared import batch, strictjson
from shared.batch import MAX_BODY_BYTES
from shared.dsse import MAX_ENVELOPE_BYTES

DESK_LIMIT = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Entrance:
    """A route that takes a body: where, announced as what, and up to how many bytes."""

    path: str
    media_type: str
    limit: int
    authorized: bool = False

    def headers(self, served: Served, **more: str) -> dict[str, str]:
        """The headers of a well-meant request."""
        told = {"Content-Type": self.media_type}
        if self.authorized:
            told["Authorization"] = f"Bearer {served.token}"
        return told | more


ENTRANCES = {
    "batches": Entrance("/v1/batches", batch.MEDIA_TYPE, MAX_BODY_BYTES),
    "enrolments": Entrance("/v1/enrolments", "application/json", MAX_ENVELOPE_BYTES),
    "complaints": Entrance("/v1/complaints", "application/json", MAX_ENVELOPE_BYTES),
    "desk": Entrance("/v1/desk/judge", "application/json", DESK_LIMIT, authorized=True),
}
BAD_REQUEST = {"bad_format", "bad_request"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One collector for everything this module sends: it has to survive all of it."""
    config = Config(data=tmp_path_factory.mktemp("data"))
    with contextlib.closing(Services.over_folder(config, FakeClock())) as services, serving(services) as served:
        served.add("anna")
        served.case("anna")  # which waits for the index
        yield served


@pytest.fixture
def served(running: Served) -> Iterator[Served]:
    """The collector, whose ledger must be after the test what it was before, and who must still answer."""
    before = running.services.ledger.last_no
    yield running
    assert running.services.ledger.last_no == before
    told = running.send("GET", "/health").told
    assert (told["ledger_no"], told["index_no"]) == (before, before)


@pytest.fixture(params=sorted(ENTRANCES))
def entrance(request: pytest.FixtureRequest) -> Entrance:
    """Each entrance in turn."""
    return ENTRANCES[request.param]


DEEP = b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}"
BODIES: dict[str, bytes] = {
    "empty": b"",
    "not_json": b"hello",
    "not_utf_8": b'{"a":"\xff\xfe"}',
    "bom": b"\xef\xbb\xbf{}",
    "utf_16": '{"a":"b"}'.encode("utf-16"),
    "a_list": b"[]",
    "a_number": b"7",
    "cut_off": b'{"a":',
    "deep": DEEP[: MAX_ENVELOPE_BYTES - 1] if len(DEEP) > MAX_ENVELOPE_BYTES else DEEP,
    "long_integer": b'{"a":' + b"9" * 5000 + b"}",
    "key_twice": b'{"code":"a","code":"b"}',
    "nan": b'{"a":NaN}',
    "float": b'{"a":1.5}',
    "nul": b"\x00" * 100,
    "envelope_of_nothing": b'{"payload":"","payloadType":"application/vnd.in-toto+json","signatures":[]}\n',
}


@pytest.mark.parametrize("name", BODIES)
def test_nonsense(served: Served, entrance: Entrance, name: str) -> None:
    """Nonsense of any kind is a 400 that says what was wrong."""
    answer = served.send("POST", entrance.path, BODIES[name], entrance.headers(served))
    assert answer.status == 400
    assert answer.error in BAD_REQUEST
    assert answer.told["detail"]


def test_wrong_content_type(served: Served, entrance: Entrance) -> None:
    """Another media type, or none, is 415 before the body is looked at."""
    for media_type in ("text/plain", "", "multipart/form-data; boundary=x", "application/json-seq"):
        answer = served.send("POST", entrance.path, b"{}", entrance.headers(served, **{"Content-Type": media_type}))
        assert (answer.status, answer.error) == (415, "bad_media_type")


def test_unknown_coding(served: Served, entrance: Entrance) -> None:
    """A coding nobody agreed on is 415."""
    for coding in ("br", "deflate", "gzip, gzip", "chunked"):
        answer = served.send("POST", entrance.path, b"{}", entrance.headers(served, **{"Content-Encoding": coding}))
        assert (answer.status, answer.error) == (415, "bad_media_type")


@pytest.mark.threat("T19")
def test_gzip_bomb(served: Served, entrance: Entrance) -> None:
    """A small body that would become a huge one is 413."""
    bomb = gzip.compress(b" " * (entrance.limit + 1), 9)
    if entrance.limit > MAX_ENVELOPE_BYTES:
        assert len(bomb) < entrance.limit // 900
    answer = served.send("POST", entrance.path, bomb, entrance.headers(served, **{"Content-Encoding": "gzip"}))
    assert (answer.status, answer.error) == (413, "too_large")


@pytest.mark.parametrize(
    "packed",
    [b"", b"not gzip", gzip.compress(b'{"a":1}' * 50)[:-9], gzip.compress(b"{}") + b"more", gzip.compress(b"{}") * 2],
    ids=["empty", "not_gzip", "truncated", "followed", "twice"],
)
def test_bad_gzip(served: Served, entrance: Entrance, packed: bytes) -> None:
    """A gzip stream that is none, cut short, or followed by something is 400."""
    answer = served.send("POST", entrance.path, packed, entrance.headers(served, **{"Content-Encoding": "gzip"}))
    assert (answer.status, answer.error) == (400, "bad_format")


def test_one_byte_too_many(served: Served, entrance: Entrance) -> None:
    """The limit is exact: a body of that many bytes is read, one more is not."""
    at_limit = served.send("POST", entrance.path, b" " * entrance.limit, entrance.headers(served))
    assert at_limit.status == 400
    beyond = served.send("POST", entrance.path, b" " * (entrance.limit + 1), entrance.headers(served))
    assert (beyond.status, beyond.error) == (413, "too_large")


def head(served: Served, entrance: Entrance, *more: str) -> bytes:
    """A request's head, spelt by hand."""
    lines = [f"POST {entrance.path} HTTP/1.1", "Host: x"]
    lines += [f"{name}: {value}" for name, value in entrance.headers(served).items()]
    return "\r\n".join([*lines, *more, "", ""]).encode()


def flood(served: Served, start: bytes, piece: bytes, pieces: int) -> tuple[bytes, int]:
    """Send a head and then pieces until the server has answered; what it said, and how many pieces it took."""
    said, taken = b"", 0
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:
        connection.sendall(start)
        with contextlib.suppress(ConnectionError):
            while not said and taken < pieces:
                connection.settimeout(20)
                connection.sendall(piece)
                taken += 1
                connection.settimeout(0)
                with contextlib.suppress(BlockingIOError):
                    said += connection.recv(65536)
        connection.settimeout(20)
        with contextlib.suppress(ConnectionError):
            while b"}" not in said and (part := connection.recv(65536)):
                said += part
    return said, taken


def test_huge_body_announced(served: Served, entrance: Entrance) -> None:
    """A body announced as 100 MB is refused before it is sent."""
    said, sent = flood(served, head(served, entrance, "Content-Length: 100000000"), b" " * 65536, 1600)
    assert said.startswith(b"HTTP/1.1 413 ")
    assert b'"too_large"' in said
    assert sent < 200


def test_huge_body_not_announced(served: Served, entrance: Entrance) -> None:
    """A body without a length is refused as soon as it is longer than the limit."""
    piece = b"%x\r\n%b\r\n" % (65536, b" " * 65536)
    said, sent = flood(served, head(served, entrance, "Transfer-Encoding: chunked"), piece, 1600)
    assert said.startswith(b"HTTP/1.1 413 ")
    assert b'"too_large"' in said
    assert sent * 65536 < entrance.limit + 16 * 1024 * 1024


def test_client_leaves_in_mid_body(served: Served, entrance: Entrance) -> None:
    """A sender who leaves before the body is whole leaves nothing behind."""
    for start in ("Content-Length: 1000", "Transfer-Encoding: chunked"):
        with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:
            connection.sendall(head(served, entrance, start) + b"10\r\n{")
    device = Device()
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:
        body = device.seal()
        connection.sendall(head(served, entrance, f"Content-Length: {len(body)}") + body[:-1])


def test_a_body_that_stops(served: Served, entrance: Entrance, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body of which no more comes is given up after a while, at every entrance, and its sender is told."""
    monkeypatch.setattr("collector.api.intake.SILENCE_S", 0.3)
    for start in (b"Content-Length: 1000\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"):
        said, _ = flood(served, head(served, entrance).removesuffix(b"\r\n") + start, b"", 0)
        assert said.startswith(b"HTTP/1.1 408 ")
        assert b'"too_slow"' in said


def test_huge_header(served: Served, entrance: Entrance) -> None:
    """A header line beyond all measure is refused by the HTTP layer, or ignored; the body's answer is an error still."""
    said = served.raw(head(served, entrance, "X-Long: " + "x" * 200_000, "Content-Length: 2") + b"{}")
    assert said == b"" or said.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5"))


@pytest.mark.parametrize("length", ["-1", "abc", "1e9", "5, 6", "9" * 400])
def test_absurd_content_length(served: Served, entrance: Entrance, length: str) -> None:
    """A length that is none is an error of the request."""
    said = served.raw(head(served, entrance, f"Content-Length: {length}") + b"{}")
    assert said.startswith(b"HTTP/1.1 4")


def test_other_methods(served: Served, entrance: Entrance) -> None:
    """What is for sending is not for reading."""
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        answer = served.send(method, entrance.path, None, entrance.headers(served))
        assert answer.status == 405


def test_unknown_device(served: Served) -> None:
    """A well-made batch or complaint of a key nobody enrolled is 403, whatever is wrong with it otherwise."""
    device = Device()
    for answer in (
        served.post_batch(device.seal()),
        served.post_batch(device.seal(batch=9, prev="a" * 64)),
        served.post_json("/v1/complaints", device.complaint("slow")),
    ):
        assert (answer.status, answer.error) == (403, "unknown_key")


def test_desk_is_closed(served: Served) -> None:
    """Without the desk's token, or with another, commands and pages are 401; a cookie opens pages only."""
    body, kind = b'{"subscriber":"anna"}', {"Content-Type": "application/json"}
    wrong = [{}, {"Authorization": "Bearer wrong"}, {"Authorization": served.token + "x"}, {"Authorization": "Bearer "},
             {"Authorization": "Bearer \xff"}, {"Cookie": f"speedproof_desk={served.token}"}]  # fmt: skip
    for headers in wrong:
        for command in ("case_show", "nonsense", "evidence", "subscriber_add"):
            answer = served.send("POST", f"/v1/desk/{command}", body, kind | headers)
            assert (answer.status, answer.error) == (401, "not_allowed")
    for path in ("/", "/subscriber/anna", "/subscriber/nobody", "/?key=wrong", "/subscriber/anna?key="):
        for cookie in ({}, {"Cookie": "speedproof_desk=wrong"}, {"Cookie": "speedproof_desk="}):
            assert served.send("GET", path, headers=cookie).status == 401
    cookie = {"Cookie": f"speedproof_desk={served.token}"}
    assert served.send("GET", "/subscriber/anna", headers=cookie).status == 200
    assert (
        served.send("POST", "/v1/desk/case_show", body, kind | {"Authorization": f"Bearer {served.token}"}).status
        == 200
    )


def test_the_link_becomes_a_cookie(served: Served) -> None:
    """The token in a link is moved into a cookie that scripts cannot read, and leaves the address."""
    answer = served.send("GET", f"/subscriber/anna?key={served.token}")
    assert (answer.status, answer.headers["location"]) == (303, "/subscriber/anna")
    assert "httponly" in answer.headers["set-cookie"].lower()
    assert "samesite" in answer.headers["set-cookie"].lower()


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e",
        "anna%00",
        "%ff%fe",
        "a" * 5000,
        "anna/../anna",
        "%3Cscript%3E",
    ],
)
def test_paths_that_climb(served: Served, name: str) -> None:
    """A subscriber's id is a key, never a path: nothing of the machine is shown."""
    cookie = {"Cookie": f"speedproof_desk={served.token}", "Accept": "text/html"}
    answer = served.send("GET", f"/subscriber/{name}", headers=cookie)
    assert answer.status == 404
    assert b"root:" not in answer.body
    assert b"<script>" not in answer.body


WRONG_TOLD: list[tuple[str, dict[str, Any], int, str]] = [
    ("nonsense", {}, 404, "not_found"),
    ("case_show", {}, 400, "bad_request"),
    ("case_show", {"subscriber": 7}, 400, "bad_request"),
    ("case_show", {"subscriber": ["anna"]}, 400, "bad_request"),
    ("case_show", {"subscriber": "../anna"}, 404, "not_found"),
    ("judge", {"subscriber": "nobody"}, 404, "not_found"),
    ("judge", {"subscriber": "anna", "criterion": "no-such-rule"}, 400, "bad_request"),
    ("code", {"subscriber": "nobody"}, 404, "not_found"),
    ("evidence", {"subscriber": "nobody"}, 404, "not_found"),
    ("import", {"subscriber": "nobody"}, 404, "not_found"),
    ("import", {"subscriber": "anna"}, 400, "bad_request"),
    ("import", {"subscriber": "anna", "lines_b64": "?"}, 400, "bad_request"),
]
IMPORT = {
    "subscriber": "anna",
    "format": "ucc",
    "file": "log.csv",
    "sha256": "0" * 64,
    "reading": "as it is",
    "lines_b64": "eyJzZXEiOjB9Cg==",
}
WRONG_IMPORT: list[dict[str, Any]] = [
    {"format": "xls"},
    {"format": "u" * 100_000},
    {"sha256": "x" * 100_000},
    {"sha256": "0" * 63},
    {"file": 7},
    {"file": "\ud800"},
    {"lines_b64": ""},
    {"lines_b64": "e30K"},
    {"lines_b64": "eyJzZXEiOjB9"},
    {"lines_b64": "\u00fc"},
]


@pytest.mark.parametrize(("command", "told", "status", "error"), WRONG_TOLD)
def test_desk_commands(served: Served, command: str, told: dict[str, Any], status: int, error: str) -> None:
    """A command that cannot be run says why and changes nothing."""
    answer = served.command(command, told)
    assert (answer.status, answer.error) == (status, error)


@pytest.mark.parametrize(
    "wrong", WRONG_IMPORT, ids=lambda wrong: "_".join(f"{k}_{str(v)[:5]}" for k, v in wrong.items())
)
def test_imports(served: Served, wrong: dict[str, Any]) -> None:
    """An import that is not lines of a known format is 400 and leaves the ledger readable."""
    answer = served.command("import", IMPORT | wrong)
    assert answer.status == 400
    assert answer.error in BAD_REQUEST


def enrolment(**changed: strictjson.Json) -> bytes:
    """A request for enrolment, with members of it replaced."""
    request = json.loads(Device().request("0123456789"))
    return strictjson.encode({"code": "01234-56789", "request": request} | changed)


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (enrolment(), 403, "code_refused"),
        (enrolment(code=7), 400, "bad_format"),
        (enrolment(code=""), 400, "bad_format"),
        (enrolment(code="U" * 10), 400, "bad_format"),
        (enrolment(code="x" * 9000), 400, "bad_format"),
        (enrolment(request="x"), 400, "bad_format"),
        (enrolment(request={}), 400, "bad_format"),
        (strictjson.encode({"code": "01234-56789"}), 400, "bad_format"),
    ],
)
def test_enrolments(served: Served, body: bytes, status: int, error: str) -> None:
    """A request for enrolment that is none, or has no code, is refused."""
    answer = served.post_json("/v1/enrolments", body)
    assert (answer.status, answer.error) == (status, error)


def test_unknown_paths(served: Served) -> None:
    """What is not there is 404."""
    for path in ("/v1/nothing", "/admin", "/docs", "/openapi.json", "/v1/../etc/passwd", "/%00"):
        assert served.send("GET", path).status == 404
