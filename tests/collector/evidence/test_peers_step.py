"""A peer that the operator lets through while ordinary hosts are slow is flagged in the evidence (T20)."""

import asyncio
import base64
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from ssl import SSLContext
from typing import Any

import pytest
from fakes.case import Case
from fakes.certificate import certificate
from fakes.clock import FakeClock
from fakes.history import History
from fakes.scripted import NEEDS_NODE, Scripts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.config import Config
from collector.evidence.bundle import make_evidence
from collector.evidence.check import Step, check_evidence
from collector.evidence.peers_step import _in_words
from collector.services import Services
from probe.clock import SystemClock
from probe.measure.fetch import FetchPlan
from probe.net import fetch
from probe.net.address import PeerAddress
from probe.net.scene import Scene
from probe.settings import Settings
from shared.favour import LEAST, compare, pull_of
from shared.record import read_record, write_record

OBJECT_BYTES = 400_000
PIECES = 20
PLAN = FetchPlan("test", None, patience_us=5_000_000, limit_us=20_000_000, foreign_cap_bytes=2 * OBJECT_BYTES)
NOBODY = PeerAddress("http://127.0.0.1:9", "127.0.0.1", 9, "fake")
WALL_US = 1_800_000_000_000_000
White = frozenset[str]


async def through(names: tuple[str, ...], white: White, tls: SSLContext) -> list[tuple[str, dict[str, Any]]]:
    """An object from each of these hosts, five times, over a line that lets the white-listed through and holds back the rest."""

    def host(name: str) -> Any:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % OBJECT_BYTES)
            for _ in range(PIECES):
                writer.write(bytes(OBJECT_BYTES // PIECES))
                await writer.drain()
                await asyncio.sleep(0 if name in white else 0.02)
            writer.close()

        return talk

    came = []
    for name in names:
        server = await asyncio.start_server(host(name), "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        for _ in range(LEAST):
            settings = Settings(urls=(f"https://127.0.0.1:{port}/{name}",))
            measured = await fetch.run(PLAN, Scene(NOBODY, SystemClock(), bytes, settings=settings))
            came.append((name, {"end": measured.end, **measured.members}))
        server.close()
        await server.wait_closed()
    return came


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SSLContext:
    """A server's context with a certificate that the system trusts."""
    context, authority = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    return context


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Case]:
    """A collector with one line and one device."""
    with contextlib.closing(Services.over_folder(Config(data=tmp_path / "data"), FakeClock())) as services:
        history = History(services)
        history.device("line-0")
        yield Case(services, history, b"")


def evidence_of(empty: Case, came: list[tuple[str, dict[str, Any]]]) -> Case:
    """Its evidence, once it has these records; `peer` among the hosts is the measurement peer, others are ordinary ones."""
    records = []
    for at, (name, members) in enumerate(came):
        whose = (
            {"host": "peer", "peer": "peer"}
            if name == "peer"
            else {"host": "foreign", "url": f"https://{name}.example/o"}
        )
        records.append(members | whose | {"method": "fetch", "wall_us": WALL_US + at})
    empty.history.batch(empty.history.devices[0], *records)
    return Case(empty.services, empty.history, make_evidence(empty.services, "line-0"))


def step_of(files: dict[str, bytes]) -> Step:
    """The step that compares."""
    return next(step for step in check_evidence(files) if step.name == "peers")


@pytest.mark.threat("T20")
def test_a_white_listed_peer_is_flagged(empty: Case, tls: SSLContext) -> None:
    """Real fetches over a line that lets the peer through: the case names the rule, the checker finds it again, with figures."""
    case = evidence_of(empty, asyncio.run(through(("peer", "news", "shop"), frozenset({"peer"}), tls)))
    step = step_of(case.files)
    assert step.holds, step.detail
    assert step.detail.endswith("news.example, shop.example): PEER FAVOURED by rule peer_favoured/1")
    (row,) = json.loads(case.files["case.json"])["peers"]
    assert (row["peer"], row["n"], row["others_n"], row["favoured"]) == ("peer", LEAST, 2 * LEAST, "peer_favoured/1")
    told = json.loads(case.files["case.json"])
    told["peers"][0]["favoured"] = None
    painted = step_of(case.signed_anew(case.files | {"case.json": json.dumps(told).encode()}))
    assert not painted.holds
    assert "is not what the signed records say" in painted.detail


def test_a_line_that_treats_all_alike(empty: Case, tls: SSLContext) -> None:
    """Where everybody is held back alike nobody is favoured; without ordinary hosts there is nothing to compare."""
    assert step_of(make_members(empty)).detail.startswith("nothing to compare")
    case = evidence_of(empty, asyncio.run(through(("peer", "news"), frozenset(), tls)))
    step = step_of(case.files)
    assert step.holds
    assert "FAVOURED" not in step.detail
    assert json.loads(case.files["case.json"])["peers"][0]["favoured"] is None


def make_members(case: Case) -> dict[str, bytes]:
    """The members of its evidence as it is now."""
    return Case(case.services, case.history, make_evidence(case.services, "line-0")).files


PULLED = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["download", "fetch", "upload"]),
        "end": st.sampled_from(["ok", "ok", "ok", "failed"]),
        "received_bytes": st.sampled_from([199_999, 200_000, 250_000, 10**6, 3 * 10**6]),
        "dur_us": st.integers(1, 9).map(lambda n: n * 200_000) | st.integers(-1, 10**6),
        "wall_us": st.sampled_from([-1, 0, 5, 3_599_999_999, 3_600_000_000, 2**53 - 1, -(2**53) + 1]),
    },
    optional={
        "peer": st.sampled_from(["", "one", "two", "\U0001f4f6"]),
        "host": st.sampled_from(["foreign", "peer"]),
        "url": st.sampled_from(["https://a.example/x", "https://u@v@b.example", "c", "//d/", "https:///x"]),
        "first_byte_us": st.integers(-1, 10**6),
        "flaws": st.sampled_from([[], ["cross_traffic"], [1], "x"]),
    },
)


@NEEDS_NODE
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PULLED, max_size=8) | st.lists(PULLED, min_size=20, max_size=40))
def test_the_page_compares_alike(node: Scripts, members: list[dict[str, Any]]) -> None:
    """Whatever records say of rates, the page finds the same peers favoured, in the same words."""
    compared_alike(node, members)


@NEEDS_NODE
@pytest.mark.parametrize(("n", "times", "is_favoured"), [(LEAST, 2, True), (LEAST, 1.9, False), (LEAST - 1, 2, False)])
def test_the_page_knows_the_rule(node: Scripts, n: int, times: float, is_favoured: bool) -> None:
    """Twice as fast, five times on either side: that is favoured, on the page too, and nothing less."""
    one = {"method": "download", "end": "ok", "received_bytes": 10**6, "wall_us": 5}
    own = [one | {"peer": "own", "dur_us": int(10**6 / times)}] * n
    assert compared_alike(node, [*own, *([one | {"peer": "b", "dur_us": 10**6}] * LEAST)]) == [
        None,
        is_favoured or None,
    ]


def compared_alike(node: Scripts, members: list[dict[str, Any]]) -> list[Any]:
    """Which rows are of a favoured peer, once the page has told the same."""
    lines = [write_record(one | {"seq": 1}).removesuffix(b"\n") for one in members]
    rows = compare(pull for line in lines if (pull := pull_of(read_record(line))) is not None)
    told = node.ask("favour", records=[base64.b64encode(line).decode() for line in lines])["ok"]
    assert told == [[row.favoured, _in_words(row)] for row in rows]
    return [row.favoured and True for row in rows]
