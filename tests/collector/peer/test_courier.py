"""The courier: every statement gets to the collector, whoever dies on the way, and none is ever forgotten."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.durable import write_whole
from collector.peer.courier import PATH, Courier, NotHanded, on_its_way, posting
from collector.peer.delivery import LOOK_S, Answer
from collector.peer.handed import Handed
from collector.peer.statements import StatementFile
from shared import strictjson

URL = "http://127.0.0.1:1"
KEPT, NEVER = Answer("kept"), Answer("refused", "not_found", "no device")
LATER = Answer("refused", "unknown_key", "no peer")


class Died(BaseException):
    """The peer's process ended here."""


@dataclass
class Keeper:
    """A collector as far as a courier sees it; it dies, or loses its answer, when told."""

    kept: list[bytes] = field(default_factory=list)
    untrusted: bool = False
    fates: list[str] = field(default_factory=list)  # of the next requests: before, lost, away, died_before, died_after

    async def send(self, lines: list[bytes]) -> list[Answer]:
        """Keep what is new."""
        fate = self.fates.pop(0) if self.fates else ""
        match fate:
            case "away":
                raise NotHanded("nobody is there", 3.0)
            case "died_before":
                raise Died
        if self.untrusted:
            return [LATER] * len(lines)
        answers = []
        for line in lines:
            answers.append(Answer("repeat" if line in self.kept else "kept"))
            if line not in self.kept:
                self.kept.append(line)
        match fate:
            case "lost":
                raise NotHanded("the answer was lost")
            case "died_after":
                raise Died
        return answers


def life(folder: Path, keeper: Keeper, steps: int, lines: list[bytes], write: str = "") -> None:
    """One life of a peer: it signs these lines, and its courier makes so many steps; `write` says when it dies over its mark."""

    def put(path: Path, data: bytes) -> None:
        if write == "died_before":
            raise Died
        write_whole(path, data)
        if write == "died_after":
            raise Died

    journal = StatementFile(folder / "transfers.ndjson")
    try:
        for line in lines:
            journal.add(line)
        journal.flush()
        courier = Courier(journal, Handed.beside(journal, URL, put), keeper.send, random.Random(1))
        for _ in range(steps):
            asyncio.run(courier.step())
    except Died:
        pass
    finally:
        journal.close()


def test_statements_are_handed_over_once(tmp_path: Path) -> None:
    """What the collector has kept is not sent again, nor after a restart; what is new is."""
    keeper = Keeper()
    life(tmp_path, keeper, 2, [b"one", b"two"])
    assert keeper.kept == [b"one\n", b"two\n"]
    keeper.kept.clear()
    life(tmp_path, keeper, 2, [b"three"])
    assert keeper.kept == [b"three\n"]


FATES = st.sampled_from(["", "away", "lost", "died_before", "died_after"])
LIVES = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.lists(FATES, max_size=3),
        st.integers(0, 4),
        st.sampled_from(["", "died_before", "died_after"]),
    ),
    max_size=6,
)


@given(lives=LIVES)
@settings(max_examples=60, deadline=None)
def test_cut_off_between_any_two_steps(
    tmp_path_factory: pytest.TempPathFactory, lives: list[tuple[int, list[str], int, str]]
) -> None:
    """Whenever the peer dies or the collector is away, in the end every statement is kept, each once and in order."""
    folder, keeper, made = tmp_path_factory.mktemp("peer"), Keeper(), 0
    for count, fates, steps, write in lives:
        keeper.fates = list(fates)
        life(folder, keeper, steps, [b"%d" % (made + number) for number in range(count)], write)
        made += count
    keeper.fates = []
    life(folder, keeper, 2, [])
    assert keeper.kept == [b"%d\n" % number for number in range(made)]


def test_a_lost_mark_loses_no_statement(tmp_path: Path) -> None:
    """Without its mark, with one that does not fit the journal, or for another collector, everything is sent again."""
    keeper, mark = Keeper(), tmp_path / "transfers.ndjson.handed"
    life(tmp_path, keeper, 1, [b"one", b"two"])
    whole = mark.read_bytes()
    for damaged in (
        b"",
        b"{}\n",
        whole.replace(b'"end":8', b'"end":4'),
        whole.replace(b'"end":8', b'"end":9'),
        whole.replace(b":1", b":2"),
    ):
        assert damaged != whole
        mark.write_bytes(damaged)
        keeper.kept.clear()
        life(tmp_path, keeper, 1, [])
        assert keeper.kept == [b"one\n", b"two\n"]


def test_another_journal_is_sent_as_a_whole(tmp_path: Path) -> None:
    """A journal that was put aside by hand and begun anew is not taken for the one that was handed over."""
    keeper = Keeper()
    life(tmp_path, keeper, 1, [b"one", b"two"])
    (tmp_path / "transfers.ndjson").rename(tmp_path / "old")
    life(tmp_path, keeper, 1, [b"six", b"ten", b"abc"])
    assert keeper.kept[2:] == [b"six\n", b"ten\n", b"abc\n"]


async def stepped(folder: Path, keeper: Keeper, steps: int) -> list[float]:
    """The waits after so many steps."""
    journal = StatementFile(folder / "transfers.ndjson")
    try:
        courier = Courier(journal, Handed.beside(journal, URL), keeper.send, random.Random(1))
        return [await courier.step() for _ in range(steps)]
    finally:
        journal.close()


async def test_waits(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With nothing new it looks again soon; in vain it waits longer each time, and tells the same reason once."""
    (tmp_path / "transfers.ndjson").write_bytes(b"one\n")
    keeper = Keeper(fates=["away"] * 6)
    with caplog.at_level(logging.WARNING):
        *failed, done, nothing = await stepped(tmp_path, keeper, 8)
    assert failed[0] >= 3.0
    assert failed[-1] > 10 * 2
    assert (done, nothing) == (0.0, LOOK_S)
    assert [record.message for record in caplog.records] == ["statements wait for the collector: nobody is there"]


async def test_who_is_not_trusted_yet_waits(tmp_path: Path) -> None:
    """Statements of a peer that the collector does not trust stay, and get there once it does."""
    (tmp_path / "transfers.ndjson").write_bytes(b"one\ntwo\n")
    keeper = Keeper(untrusted=True)
    assert min(await stepped(tmp_path, keeper, 3)) > 0
    keeper.untrusted = False
    await stepped(tmp_path, keeper, 1)
    assert keeper.kept == [b"one\n", b"two\n"]


async def test_what_will_never_be_kept_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A statement the collector will never keep is told of in the log, and what comes behind it is handed over."""
    (tmp_path / "transfers.ndjson").write_bytes(b"one\ntwo\n")
    seen: list[list[bytes]] = []

    async def send(lines: list[bytes]) -> list[Answer]:
        seen.append(lines)
        return [NEVER, KEPT]

    journal = StatementFile(tmp_path / "transfers.ndjson")
    courier = Courier(journal, Handed.beside(journal, URL), send, random.Random(1))
    await courier.step()
    assert await courier.step() == LOOK_S
    journal.close()
    assert seen == [[b"one\n", b"two\n"]]
    assert ["one" in record.message and "not_found" in record.message for record in caplog.records] == [True]


@asynccontextmanager
async def collector(handler: Handler | None = None) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A web server that takes statements, or answers as it is told to."""
    seen: list[bytes] = []

    async def take(request: web.Request) -> web.StreamResponse:
        assert request.headers["Content-Type"] == "application/vnd.speedproof.transfers"
        lines = (await request.read()).splitlines(keepends=True)  # aiohttp has inflated it
        seen.extend(lines)
        return web.Response(body=strictjson.encode({"answers": [{"answer": "kept"} for _ in lines]}))

    app = web.Application()
    app.router.add_post(PATH, handler or take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}/", seen
    finally:
        await runner.cleanup()


async def test_over_http(tmp_path: Path) -> None:
    """Beside an application the journal gets to a real server, also what is added later, and it ends with the application."""
    journal = StatementFile(tmp_path / "transfers.ndjson")
    journal.add(b"one")
    journal.flush()
    async with collector() as (url, seen):
        context = on_its_way(journal, url, random.Random(1))(web.Application())
        await anext(context)  # type: ignore[arg-type]
        journal.add(b"two")
        journal.flush()
        async with asyncio.timeout(20):
            while seen != [b"one\n", b"two\n"]:  # noqa: ASYNC110 - of another task
                await asyncio.sleep(0.02)
        with pytest.raises(StopAsyncIteration):
            await anext(context)  # type: ignore[arg-type]
    journal.close()


@pytest.mark.parametrize(
    ("status", "headers", "body", "after_s", "words"),
    [
        (503, {"Retry-After": "7"}, b"", 7.0, "it answered 503"),
        (503, {"Retry-After": "Mon"}, b"", 0.0, "it answered 503"),
        (302, {"Location": "/elsewhere"}, b"", 0.0, "it answered 302"),
        (200, {}, b"<html>", 0.0, "its answer cannot be read"),
        (200, {}, b"{" + b" " * (1 << 20), 0.0, "its answer is longer than any is"),
    ],
)
async def test_answers_that_settle_nothing(
    status: int, headers: dict[str, str], body: bytes, after_s: float, words: str
) -> None:
    """Whatever is no answer to the lines leaves them waiting, for as long as was asked for."""

    async def answer(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(status=status, headers=headers, body=body)

    async with collector(answer) as (url, _), aiohttp.ClientSession() as client:
        with pytest.raises(NotHanded, match=words) as error:
            await posting(client, url)([b"one\n"])
    assert error.value.after_s == after_s


async def test_nobody_listens() -> None:
    """A collector that is away leaves the lines waiting."""
    async with aiohttp.ClientSession() as client:
        with pytest.raises(NotHanded, match="cannot be reached"):
            await posting(client, URL)([b"one\n"])
