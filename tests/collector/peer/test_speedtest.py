"""The endpoints for speedtest-cli, spoken to by hand and by the client itself."""

import asyncio
import base64
import importlib.util
import io
import json
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import aiohttp
import pytest

from collector.peer import arrivals, speedtest
from collector.peer.account import End
from collector.peer.speedtest_profile import METERED, USUAL_IMAGE_BYTES

if TYPE_CHECKING:
    from conftest import PeerFactory, RawClient, RawFactory, Served

RUN = "0123456789abcdef" * 2
INSTALLED = importlib.util.find_spec("speedtest") is not None
Ask = Callable[..., Any]


async def get(raw: "RawFactory", served: "Served", target: str, **headers: str) -> tuple[int, str]:
    """A GET whose request line is written by hand; status and body."""
    client = await raw(served)
    given = {"Host": "peer.example:8441"} | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    client.writer.write(f"GET {target} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode("latin-1"))
    head, _, body = (await client.reader.read(-1)).decode().partition("\r\n\r\n")
    return int(head.split()[1]), body


def as_user(name: str) -> str:
    """What a client sends whose proxy has a user's name."""
    return "Basic " + base64.b64encode(f"{name}:x".encode()).decode()


async def opened(session: aiohttp.ClientSession, served: "Served", plan: str = "metered") -> str:
    """Open a run; its folder's path."""
    async with session.post(f"{served.url}/st/{RUN}", params={"plan": plan}) as answer:
        assert answer.status == 201, await answer.text()
    return f"/st/{RUN}"


async def result(session: aiohttp.ClientSession, served: "Served", ended: int = 1) -> dict[str, Any]:
    """The log of the run, once so many transfers have ended."""
    async with asyncio.timeout(5):
        while True:
            async with session.get(f"{served.url}/st/{RUN}/result") as answer:
                told = await answer.json()
            if sum("end" in row for row in told["requests"]) >= ended:
                assert isinstance(told, dict)
                return told
            await asyncio.sleep(0.01)


async def test_configuration_for_a_proxys_client(peer: "Served", raw: "RawFactory") -> None:
    """A request line with a whole URL is served by its path, and without a run the client gets the usual profile."""
    status, body = await get(raw, peer, "http://www.speedtest.net/speedtest-config.php?x=1.0", Host="www.speedtest.net")
    page = ET.fromstring(body)
    assert status == 200
    assert {part.tag for part in page} == {"client", "server-config", "download", "upload"}
    assert [part.attrib for part in page.iter("download")] == [{"testlength": "10", "threadsperurl": "4"}]
    assert [part.attrib["ip"] for part in page.iter("client")] == ["127.0.0.1"]


@pytest.mark.parametrize("path", ["/speedtest-servers-static.php", "/speedtest-servers.php"])
@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("www.speedtest.net", None),
        ("c.speedtest.net:80", None),
        ("peer.example:8441", "peer.example:8441"),
        ("[2001:db8::1]:8441", "[2001:db8::1]:8441"),
    ],
)
async def test_the_list_names_this_peer(
    peer: "Served", raw: "RawFactory", path: str, host: str, named: str | None
) -> None:
    """The one server of the list is this peer, as the client called it or, if it spoke to a proxy, as the socket is."""
    status, body = await get(raw, peer, f"http://{host}{path}?threads=8&x=1.0", Host=host)
    (server,) = ET.fromstring(body).iter("server")
    assert status == 200
    assert server.attrib["url"] == f"http://{named or f'127.0.0.1:{peer.port}'}/speedtest/upload.php"
    assert (int(server.attrib["id"]), float(server.attrib["lat"])) == (1, 0.0)


@pytest.mark.parametrize("host", ["", 'x"/><server', "a b", "[::1", "peer:999999", "user@peer"])
async def test_a_host_that_is_none(peer: "Served", raw: "RawFactory", host: str) -> None:
    """A name of which no server's address can be made is refused and never repeated."""
    status, body = await get(raw, peer, "/speedtest-servers.php", Host=host)
    assert status == 400
    assert "<" not in body


async def test_a_runs_configuration(peer: "Served", session: aiohttp.ClientSession, raw: "RawFactory") -> None:
    """A client that names a run to its proxy gets that run's profile, and a folder of its own at the run's address."""
    async with session.post(f"{peer.url}/st/{RUN}?plan=metered", headers={"Host": "peer.example"}) as answer:
        offer = await answer.json()
    assert offer == {"down_bytes": 10_000_000, "plan": "metered", "test_us": 3_000_000, "up_bytes": 9_175_040}
    target = "http://www.speedtest.net/speedtest"
    user = {"Host": "www.speedtest.net", "Proxy_Authorization": as_user(RUN)}
    _, config = await get(raw, peer, f"{target}-config.php", **user)
    _, servers = await get(raw, peer, f"{target}-servers-static.php", **user)
    assert 'testlength="3"' in config
    assert f'url="http://peer.example/st/{RUN}/upload.php"' in servers
    stranger = {**user, "Proxy_Authorization": as_user("f" * 32)}
    assert (await get(raw, peer, f"{target}-config.php", **stranger))[0] == 404


@pytest.mark.parametrize("authorization", ["Basic ???", "Basic /w==", "Bearer x", "Basic"])
async def test_a_name_that_cannot_be_read(peer: "Served", raw: "RawFactory", authorization: str) -> None:
    """What is no user's name is either none at all or that of no run."""
    status, _ = await get(raw, peer, "/speedtest-config.php", Proxy_Authorization=authorization)
    assert status in {200, 404}


@pytest.mark.parametrize(("target", "status"), [("?plan=other", 400), ("", 400), ("?plan=metered&plan=full", 400)])
async def test_runs_of_no_plan(peer: "Served", session: aiohttp.ClientSession, target: str, status: int) -> None:
    """A run has one of the plans."""
    async with session.post(f"{peer.url}/st/{RUN}{target}") as answer:
        assert answer.status == status


async def test_a_run_is_opened_once(peer: "Served", session: aiohttp.ClientSession) -> None:
    """A name that is in use is refused, and free again when its run was closed."""
    folder = await opened(session, peer)
    async with session.post(f"{peer.url}{folder}?plan=metered") as answer:
        assert answer.status == 400
    async with session.delete(peer.url + folder) as answer:
        assert answer.status == 204
    async with session.get(f"{peer.url}{folder}/result") as answer:
        assert answer.status == 404
    await opened(session, peer)


async def test_no_runs_without_anonymous_load(
    start_peer: "PeerFactory", session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody gets load without a ticket, or the system cannot count, a run is refused before it begins."""
    async with start_peer() as served:
        monkeypatch.setattr(speedtest, "known", lambda _: False)
        async with session.post(f"{served.url}/st/{RUN}?plan=metered") as answer:
            assert answer.status == 404
    monkeypatch.setattr(speedtest.Speedtest, "__init__", closed(speedtest.Speedtest.__init__))
    async with start_peer() as served, session.post(f"{served.url}/st/{RUN}?plan=metered") as answer:
        assert answer.status == 403


def closed(init: Callable[..., None]) -> Callable[..., None]:
    """The constructor of endpoints that open no runs."""
    return lambda self, load, transfers, clock, runs: init(self, load, transfers, clock, runs=False)


async def test_latency_and_mini(peer: "Served", session: aiohttp.ClientSession) -> None:
    """The latency page begins with its nine bytes, and the mini page says how posts are called."""
    for path, start in (("/speedtest/latency.txt", "test=test"), ("/mini", "<html>"), ("/mini/", "<html>")):
        async with session.get(f"{peer.url}{path}?x=1.0") as answer:
            assert answer.status == 200
            assert (await answer.text()).startswith(start)
    async with session.get(f"{peer.url}/mini") as answer:
        assert 'uploadExtension: "php"' in await answer.text()


@pytest.mark.parametrize("folder", ["/speedtest", "/mini/speedtest"])
async def test_an_image_of_nobodys_run(peer: "Served", session: aiohttp.ClientSession, folder: str) -> None:
    """Without a run an image has its usual length, and the journal the account of it."""
    async with session.get(f"{peer.url}{folder}/random350x350.jpg?x=1.0") as answer:
        assert len(await answer.read()) == USUAL_IMAGE_BYTES[350]
    (transfer,) = await peer.ended()
    assert (transfer.kind, transfer.sent_bytes, transfer.end) == (
        "speedtest-down",
        USUAL_IMAGE_BYTES[350],
        End.COMPLETE,
    )


@pytest.mark.parametrize("name", ["random350x500.jpg", "random351x351.jpg", "random1x1.jpg", "other.jpg"])
async def test_images_that_are_none(peer: "Served", session: aiohttp.ClientSession, name: str) -> None:
    """Only the ten square images exist."""
    async with session.get(f"{peer.url}/speedtest/{name}") as answer:
        assert answer.status == 404


async def test_a_run_counts_what_arrived(peer: "Served", session: aiohttp.ClientSession) -> None:
    """An image and a post of a run are in its log, with all their bytes, and make rates."""
    folder = await opened(session, peer)
    async with session.get(f"{peer.url}{folder}/random4000x4000.jpg?x=1.0") as answer:
        assert len(await answer.read()) == 1_000_000
    async with session.post(
        f"{peer.url}{folder}/upload.php", data=io.BytesIO(b"content1=" + bytes(2_000_000))
    ) as answer:
        assert (await answer.text()).strip() == "size=2000009"
    told = await result(session, peer, 2)
    assert [(row["way"], row["bytes"], row["end"], row["status"]) for row in told["requests"]] == [
        ("down", 1_000_000, "complete", 200),
        ("up", 2_000_009, "complete", 200),
    ]
    for way in ("down", "up"):
        assert told[way]["rate_bps"] == 8_000_000 * told[way]["bytes"] // told[way]["dur_us"]
    assert told["running"] == 0


async def ask(client: "RawClient", method: str, target: str, more: str = "") -> None:
    """Write a request by hand."""
    client.writer.write(f"{method} {target} HTTP/1.1\r\nHost: x\r\n{more}\r\n".encode())


async def test_a_client_that_leaves_an_image(peer: "Served", session: aiohttp.ClientSession, raw: "RawFactory") -> None:
    """Of an image that its client left, only what the client's side acknowledged is counted."""
    folder = await opened(session, peer, "full")
    client = await raw(peer)
    await ask(client, "GET", f"{folder}/random4000x4000.jpg")
    await client.reader.readexactly(100_000)
    client.writer.transport.abort()
    (row,) = (await result(session, peer))["requests"]
    assert row["end"] == "client_gone"
    (transfer,) = await peer.ended()
    assert 99_000 <= row["bytes"] <= min(transfer.sent_bytes + 131_072, row["expected_bytes"] - 1)


async def test_a_client_that_does_not_read(peer: "Served", session: aiohttp.ClientSession, raw: "RawFactory") -> None:
    """What waits in the peer's own queue for a client that reads nothing has not arrived."""
    folder = await opened(session, peer, "full")
    client = await raw(peer)
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await ask(client, "GET", f"{folder}/random4000x4000.jpg")
    seen: list[int] = []
    async with asyncio.timeout(10):
        while len(seen) < 3 or not seen[-1] == seen[-2] == seen[-3] > 0:
            seen.append((await result(session, peer, 0))["down"]["bytes"])
            await asyncio.sleep(0.1)
    assert seen[-1] < USUAL_IMAGE_BYTES[4000]
    async with session.delete(peer.url + folder) as answer:
        assert answer.status == 204
    (transfer,) = await peer.ended()
    assert transfer.end is End.CLIENT_GONE, "closing a run drops what still runs"


async def test_a_client_that_leaves_a_post(peer: "Served", session: aiohttp.ClientSession, raw: "RawFactory") -> None:
    """A post that breaks off is in the log with what had arrived, and was not complete."""
    folder = await opened(session, peer)
    client = await raw(peer)
    await ask(client, "POST", f"{folder}/upload.php", "Content-Length: 5000\r\n")
    client.writer.write(bytes(1000))
    await client.writer.drain()
    client.writer.close()
    (row,) = (await result(session, peer))["requests"]
    assert (row["bytes"], row["expected_bytes"], row["end"]) == (1000, 5000, "client_gone")


async def test_a_post_that_stops(
    peer: "Served", session: aiohttp.ClientSession, raw: "RawFactory", monkeypatch: pytest.MonkeyPatch
) -> None:
    """A post of which nothing more comes holds its place no longer than the peer's patience."""
    monkeypatch.setattr(speedtest, "PATIENCE_S", 0.05)
    folder = await opened(session, peer)
    client = await raw(peer)
    await ask(client, "POST", f"{folder}/upload.php", "Content-Length: 5000\r\n")
    (row,) = (await result(session, peer))["requests"]
    assert (row["bytes"], row["end"]) == (0, "hard_stop")


@pytest.mark.parametrize(
    ("more", "status"),
    [("Content-Length: 7340033\r\n", 413), ("Transfer-Encoding: chunked\r\n", 400)],
)
async def test_posts_that_no_client_makes(
    peer: "Served", session: aiohttp.ClientSession, raw: "RawFactory", more: str, status: int
) -> None:
    """A post larger than the largest, or of no stated length, is refused before it is read."""
    folder = await opened(session, peer)
    client = await raw(peer)
    await ask(client, "POST", f"{folder}/upload.php", more)
    assert (await client.reader.readline()).split()[1] == str(status).encode()
    assert (await result(session, peer, 0))["requests"] == []


async def test_a_full_peer(start_peer: "PeerFactory", session: aiohttp.ClientSession) -> None:
    """What is refused for want of a place is in the log as refused, with its status."""
    async with start_peer(max_clients=1) as served:
        folder = await opened(session, served)
        stalled = await session.get(f"{served.url}/fault/stall")
        async with session.get(f"{served.url}{folder}/random350x350.jpg") as answer:
            assert answer.status == 503
        stalled.close()
        (row,) = (await result(session, served))["requests"]
        assert (row["status"], row["end"], row["bytes"]) == (503, "declined", 0)


async def test_a_client_that_was_gone_before(peer: "Served") -> None:
    """Without a connection there is nothing to count on, and that is an error of the connection."""

    class Gone:
        transport = None

    assert not arrivals.known(Gone())  # type: ignore[arg-type]
    with pytest.raises(ConnectionError):
        arrivals.Arrivals(Gone())  # type: ignore[arg-type]


@pytest.mark.skipif(not INSTALLED, reason="speedtest-cli is not installed")
@pytest.mark.parametrize("words", [["--single"], ["--mini", "{url}/mini", "--no-download"]], ids=["list", "mini"])
async def test_the_unmodified_client(
    start_peer: "PeerFactory", words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """speedtest-cli as anybody installs it runs to its end, both from the list and given a mini server."""
    monkeypatch.setattr(speedtest, "FULL", METERED)
    async with start_peer() as served:
        environ = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        environ |= {"http_proxy": served.url, "no_proxy": "127.0.0.1"}
        words = [word.format(url=served.url) for word in words]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "speedtest", "--json", *words, env=environ, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
    assert process.returncode == 0
    said = json.loads(output)
    assert said["bytes_sent"] == METERED.up_bytes
    assert said["ping"] < 600_000
    kinds = [transfer.kind for transfer in served.journal]
    assert kinds.count("speedtest-up") == 4
    assert kinds.count("speedtest-down") == (0 if "--mini" in words else 10)
