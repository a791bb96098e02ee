"""Several processes behind one port: probes and the desk notice nothing, whichever process dies."""

import contextlib
import http.client
import os
import resource
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from fakes.device import Device, download
from fakes.lived import lived
from fakes.logged import log_of, proven
from fakes.running import PATIENCE_S, Running, is_there, running
from fakes.served import Answer

from collector.ledger.frame import EntryKind
from collector.ledger.segments import read_entries
from shared import strictjson
from shared.batch import MAX_BODY_BYTES, pae_sha256_of
from shared.dsse import b64_exact
from shared.keys import PublicKey
from shared.receipt import read_receipt
from shared.rotation import Whose, make_rotation

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finding processes needs /proc")
CLERK, WORKER = "collector.ledger.clerk", "collector.worker"


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One collector with two workers, for all tests of this module that leave it running."""
    with running(tmp_path_factory.mktemp("workers") / "data", "--workers", "2") as made:
        yield made


def until(true: Callable[[], bool]) -> None:
    """Wait for something that comes about soon."""
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def sent(collector: Running, body: bytes) -> Answer:
    """What a probe gets for a batch in the end: it sends again when it is told to or when nobody answers."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            answer = collector.post_batch(body)
            if answer.status != 503:
                return answer
        assert time.monotonic() < deadline
        time.sleep(0.05)


def kept(collector: Running) -> list[str]:
    """The identities of the batches in the ledger."""
    entries = read_entries(Path(collector.told["data"]) / "ledger")
    return [pae_sha256_of(entry.body) for entry in entries if entry.kind is EntryKind.BATCH]


def test_processes(collector: Running) -> None:
    """One writes the ledger, two take in batches, one is the peer; no more."""
    assert {name: len(pids) for name, pids in collector.children.items()} == {CLERK: 1, WORKER: 2, "collector.peer": 1}


def test_a_batch_and_its_repeats(collector: Running) -> None:
    """A batch is 201 once and 200 with the same receipt ever after, newest or not, and whichever worker is asked."""
    device = collector.enrolled("repeats")
    bodies = device.chain(3)
    first = [collector.post_batch(body) for body in bodies]
    assert [answer.status for answer in first] == [201, 201, 201]
    again = [collector.post_batch(body) for body in bodies * 3]
    assert [answer.status for answer in again] == [200] * 9
    assert [answer.told["receipt"] for answer in again] == [answer.told["receipt"] for answer in first] * 3
    log = log_of(collector)
    leaves = [proven(answer, device, log)[0].leaf for answer in first]
    assert [proven(answer, device, log)[0].leaf for answer in again] == leaves * 3
    told = collector.send("GET", "/v1/collector").told
    key = PublicKey.from_spki(b64_exact(told["collector"]))
    receipt = strictjson.encode(first[2].told["receipt"])
    assert read_receipt(receipt, key, pae_sha256_of(bodies[2])).batch == 2
    assert collector.whole_case("repeats")["counts"]["signed"]["ok"] == 3


def test_a_fork_freezes_the_key(collector: Running) -> None:
    """A second batch of one number is 409, kept aside and shown; from then on nothing is taken from that key, anywhere."""
    device = collector.enrolled("forks")
    fork = device.seal(download(dur_us=3))
    assert collector.post_batch(device.next()).status == 201
    answer = collector.post_batch(fork)
    assert (answer.status, answer.error, answer.told["expect_batch"]) == (409, "chain_fork", 1)
    after = [collector.post_batch(device.seal()) for _ in range(6)]
    assert {(one.status, one.error) for one in after} == {(403, "frozen_key")}
    case = collector.whole_case("forks")
    assert (case["devices"][0]["frozen"], [one["error"] for one in case["alarms"]]) == (True, ["chain_fork"])


def test_refusals(collector: Running) -> None:
    """What is wrong with a batch is told as by a single process: gaps, strangers, other media types, too much."""
    device = collector.enrolled("refusals")
    body = device.seal()
    gap = collector.post_batch(device.seal(batch=4))
    assert (gap.status, gap.error, gap.told["expect_batch"]) == (409, "chain_gap", 0)
    assert collector.post_batch(Device().seal()).error == "unknown_key"
    assert collector.post_batch(body[:-2] + b"x\n").error == "bad_digest"
    assert collector.post_batch(body, **{"Content-Type": "text/plain"}).error == "bad_media_type"
    assert collector.post_batch(body + b"x" * MAX_BODY_BYTES).error == "too_large"
    assert collector.post_batch(body).status == 201


def test_crowds(collector: Running) -> None:
    """Devices that all send at once, each one batch twice at the same moment, have each kept once."""
    devices = [collector.enrolled(f"crowd-{number % 3}") for number in range(12)]
    bodies = [device.next() for device in devices for _ in range(4)]
    twice = [body for body in bodies for _ in range(2)]
    with ThreadPoolExecutor(8) as pool:
        chains = [twice[number * 8 : number * 8 + 8] for number in range(12)]
        answers = list(pool.map(lambda chain: [collector.post_batch(body).status for body in chain], chains))
    assert answers == [[201, 200] * 4] * 12
    assert sum(identity in set(map(pae_sha256_of, bodies)) for identity in kept(collector)) == 48
    body = devices[0].next()
    with ThreadPoolExecutor(8) as pool:
        assert sorted(answer.status for answer in pool.map(collector.post_batch, [body] * 8)) == [200] * 7 + [201]


def test_pages_and_files_pass(collector: Running) -> None:
    """The desk's page, its redirect with a cookie, a missing page and a large import come through a worker unchanged."""
    device = collector.enrolled("pages")
    assert collector.post_batch(device.next()).status == 201
    link = collector.send("GET", f"/subscriber/pages?key={collector.token}")
    assert (link.status, link.headers["location"]) == (303, "/subscriber/pages")
    page = collector.send("GET", "/subscriber/pages", headers={"Cookie": link.headers["set-cookie"].partition(";")[0]})
    assert (page.status, b"</html>" in page.body) == (200, True)
    assert page.headers["content-security-policy"]
    assert collector.send("GET", "/nothing/%2e%2e/here?x=%26").status == 404
    assert collector.send("GET", "/subscriber/pages").status == 401
    assert collector.command("import", {"lines_b64": "x" * 9_000_000}).status == 400
    assert set(collector.send("GET", "/health").told) == {"ledger_no", "index_no", "log_size", "free_bytes"}
    assert collector.post_json("/v1/complaints", device.complaint("Slow.")).status == 201


def test_a_sender_that_leaves(collector: Running) -> None:
    """Whoever hangs up in the middle of a body, of a batch or of anything else, harms nobody."""
    device = collector.enrolled("leaves")
    for path in ("/v1/batches", "/v1/complaints"):
        with socket.create_connection(("127.0.0.1", collector.port)) as connection:
            connection.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n".encode() + b"x" * 100)
    assert collector.post_batch(device.next()).status == 201


@pytest.mark.parametrize("module", [WORKER, CLERK])
def test_a_process_that_dies(collector: Running, module: str) -> None:
    """A worker or the ledger's writer that is killed is there again, and whoever sends again is served by it."""
    device = collector.enrolled(f"after-{module}")
    assert collector.post_batch(device.next()).status == 201
    killed = collector.children[module]
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    bodies = device.chain(3)
    assert [sent(collector, body).status in (200, 201) for body in bodies] == [True] * 3
    until(lambda: len(collector.children.get(module, [])) == len(killed))
    assert not set(collector.children[module]) & set(killed)
    assert {pae_sha256_of(body) for body in bodies} <= set(kept(collector))
    assert collector.add(f"anew-{module}").status == 200
    until(lambda: collector.case(f"after-{module}")["counts"]["signed"]["ok"] == 4)  # the index comes after


def test_one_that_dies_while_it_starts(tmp_path: Path) -> None:
    """The writer is killed, and the next one before it is ready: another is there soon, and the collector never ended."""
    with running(tmp_path / "data", "--workers", "1") as collector:
        device = collector.enrolled("anna")
        assert collector.post_batch(device.next()).status == 201
        seen = set(collector.children[CLERK])
        os.kill(seen.pop(), signal.SIGKILL)
        for _ in range(2):
            until(lambda: bool(set(collector.children.get(CLERK, [])) - seen))
            for pid in set(collector.children.get(CLERK, [])) - seen:
                os.kill(pid, signal.SIGKILL)  # it is importing what it needs
                seen.add(pid)
        assert sent(collector, device.next()).status in (200, 201)
        assert collector.stop() == 0
    assert "ended by itself" not in (tmp_path / "data.log").read_text()


def test_one_that_cannot_start_again(tmp_path: Path) -> None:
    """A writer that is killed over a ledger that was damaged meanwhile ends by itself: so does the collector, and says why."""
    data = tmp_path / "data"
    with running(data, "--workers", "1") as collector:
        collector.enrolled("anna")
        segment = data / "ledger" / "000001.ndjson"
        segment.write_bytes(segment.read_bytes().replace(b'"kind":"code"', b'"kind":"none"'))
        os.kill(collector.children[CLERK][0], signal.SIGKILL)
        assert collector.process.wait(PATIENCE_S) == 1
    assert "ledger did not come up: " in (tmp_path / "data.log").read_text()
    assert "000001.ndjson" in (tmp_path / "data.log").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "options"), [(signal.SIGKILL, ("--workers", "1")), (signal.SIGTERM, ())], ids=["SIGKILL", "SIGTERM"]
)
def test_none_is_left(tmp_path: Path, number: signal.Signals, options: tuple[str, ...]) -> None:
    """However the first process ends, all others end with it, and the next collector, with workers or without, goes on where it stood."""
    data = tmp_path / "data"
    with running(data, "--workers", "1") as collector:
        device = collector.enrolled("anna")
        assert collector.post_batch(device.next()).status == 201
        below = [pid for pids in collector.children.values() for pid in pids]
        collector.process.send_signal(number)
        assert collector.process.wait(PATIENCE_S) == (0 if number is signal.SIGTERM else -number)
        until(lambda: not any(map(is_there, below)))
    with running(data, *options) as collector:
        assert collector.post_batch(device.next()).status == 201
        assert collector.stop() == 0


def test_one_that_cannot_start(tmp_path: Path) -> None:
    """A ledger that does not read back stops the start, and what is wrong is told."""
    data = tmp_path / "data"
    with lived(data) as history:
        history.device("anna")
    segment = data / "ledger" / "000001.ndjson"
    segment.write_bytes(segment.read_bytes().replace(b'"kind":"code"', b'"kind":"none"'))
    with pytest.raises(AssertionError, match="did not come up"), running(data, "--workers", "1"):
        pass
    told = (data / "ledger.log").read_text()
    assert "000001.ndjson" in told
    assert "Traceback" not in told


def folder_of(collector: Running) -> Path:
    """The folder with a collector's sockets."""
    words = Path(f"/proc/{collector.children[WORKER][0]}/cmdline").read_bytes().split(b"\0")
    return Path(words[words.index(b"--desk") + 1].decode()).parent


@pytest.fixture
def own_tmp(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder for temporary files that no other test's collector looks into; its name is short, as those of sockets have to be."""
    with tempfile.TemporaryDirectory(prefix="sp-") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        yield


@pytest.mark.usefixtures("own_tmp")
def test_what_a_killed_one_left(tmp_path: Path) -> None:
    """The sockets' folder of a collector that was killed is removed by the next start; no other is touched, whatever its name."""
    with running(tmp_path / "other", "--workers", "1") as other:
        with running(tmp_path / "data", "--workers", "1") as killed:
            left, below = folder_of(killed), [pid for pids in killed.children.values() for pid in pids]
            killed.kill()
            until(lambda: not any(map(is_there, below)))
        assert {one.name for one in left.iterdir()} >= {"lock", "ledger", "desk"}
        assert left.stat().st_mode & 0o777 == 0o700
        young = Path(tempfile.mkdtemp(prefix="speedproof-crew-", dir=left.parent))
        kept = tmp_path / "kept"
        kept.mkdir()
        (kept / "lock").touch()
        link = left.parent / f"speedproof-crew-{os.getpid()}-link"
        link.symlink_to(kept)
        try:
            with running(tmp_path / "data", "--workers", "1") as again:
                assert not left.exists()
                assert folder_of(again).exists()
                assert again.stop() == 0
            assert young.exists(), "one that is just being made has no lock yet"
            assert (kept / "lock").exists(), "what a link points to is not ours"
            assert folder_of(other).exists(), "one that runs"
        finally:
            young.rmdir()
            link.unlink()
        assert other.send("GET", "/health").status == 200


def test_as_many_connections_as_there_may_be(tmp_path: Path) -> None:
    """However few files a shell allows at first, the collector's processes take as many as they may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        with running(tmp_path / "data", "--workers", "1") as one:
            pids = [one.process.pid, *(pid for pids in one.children.values() for pid in pids)]
            assert {psutil.Process(pid).rlimit(psutil.RLIMIT_NOFILE) for pid in pids} == {(hard, hard)}
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_keys_over_time(collector: Running) -> None:
    """Rotation and revocation hold at every worker at once, also for keys that they remember."""
    device = collector.enrolled("keys")
    for _ in range(4):
        assert sent(collector, device.next()).status == 201
    newer = Device(batch=device.batch, seq=device.seq, prev=device.prev)
    line = make_rotation(Whose.DEVICE, device.key, newer.key)
    for status in (201, 200):
        answer = collector.post_json("/v1/rotations", strictjson.encode({"rotation": strictjson.decode(line)}))
        assert answer.status == status
    for _ in range(4):
        assert sent(collector, device.seal()).error == "revoked_key"
        assert sent(collector, newer.next()).status == 201
    assert collector.command("revoke", {"device": device.dev, "reason": "stolen"}).status == 200
    for _ in range(4):
        assert sent(collector, newer.seal()).error == "revoked_key"
