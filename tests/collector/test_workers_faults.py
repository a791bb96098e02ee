"""A disk that refuses under the process that writes the ledger: nobody is told that anything was kept, and all goes on afterwards."""

import contextlib
import json
import os
import resource
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from fakes.beside import counted
from fakes.commanded import commanded
from fakes.device import Device, download
from fakes.faulty_disk import FAULTS, FaultyDisk, put
from fakes.running import Running, running

from collector.ledger.frame import EntryKind
from collector.ledger.segments import read_entries
from shared.batch import pae_sha256_of

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finding processes needs /proc")
CLERK = "collector.ledger.clerk"
SAYS = {"ENOSPC": "No space left", "EIO": "Input/output error"}


def kept(collector: Running) -> list[str]:
    """The identities of the batches in the ledger, in its order."""
    entries = read_entries(Path(collector.told["data"]) / "ledger")
    return [pae_sha256_of(entry.body) for entry in entries if entry.kind is EntryKind.BATCH]


def is_whole(data: Path) -> None:
    """Nothing disagrees, and the index made anew is the one that grew."""
    done = commanded(data, "check", "--json")
    assert json.loads(done.stdout)["found"] == []
    assert json.loads(commanded(data, "rebuild", "--json").stdout)["same_as_before"] is True


def refused(collector: Running, device: Device, says: str) -> bytes:
    """Whatever would have to be kept is refused by name, however often it is sent; the batch it was."""
    body = device.seal()
    before = kept(collector)
    for _ in range(3):
        answer = collector.post_batch(body)
        assert (answer.status, answer.error) == (503, "storage_full")
        assert says in answer.told["detail"]
        assert int(answer.headers["retry-after"]) >= 30
    complaint = collector.post_json("/v1/complaints", device.complaint("Slow."))
    assert (complaint.status, complaint.error) == (503, "storage_full")
    assert collector.add("never").status == 503
    assert kept(collector) == before
    return body


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FaultyDisk:
    """A disk that can be told to refuse."""
    return put(tmp_path / "faulty", monkeypatch)


def test_refused_loudly(tmp_path: Path, disk: FaultyDisk) -> None:
    """A write or a sync that fails is 503 with the disk's own words, keeps nothing, and is over as soon as the fault is."""
    with running(tmp_path / "data", "--workers", "2") as collector:
        device = collector.enrolled("anna")
        clerk = collector.children[CLERK]
        acknowledged = []
        for fault, told in FAULTS.items():
            acknowledged.append(device.seal())
            assert collector.post_batch(device.next()).status == 201
            disk.refuse(fault)
            body = refused(collector, device, SAYS[told.split()[1]])
            assert collector.send("GET", "/v1/collector").status == 200
            disk.recover()
            assert collector.post_batch(body).status == 201, "it was not kept before"
            acknowledged.append(device.told(body))
            assert collector.post_json("/v1/complaints", device.complaint(fault)).status == 201
        assert collector.children[CLERK] == clerk, "the same process went on"
        assert kept(collector) == [pae_sha256_of(body) for body in acknowledged]
        counted(collector, "anna", len(acknowledged))
        assert collector.stop() == 0
    is_whole(tmp_path / "data")


@pytest.mark.slow
def test_coming_and_going_under_load(tmp_path: Path, disk: FaultyDisk) -> None:
    """While devices send and the disk refuses again and again, each batch that was acknowledged is there once, in its place."""
    with running(tmp_path / "data", "--workers", "2") as collector:
        devices = [collector.enrolled("anna") for _ in range(4)]
        acknowledged: dict[str, list[str]] = {device.dev: [] for device in devices}
        statuses, stop = set[int](), threading.Event()

        def send(device: Device) -> None:
            while not stop.is_set():
                body = device.seal(download(), download())
                status = collector.post_batch(body).status
                statuses.add(status)
                if status == 201:
                    acknowledged[device.dev].append(pae_sha256_of(device.told(body, 2)))
                elif status != 503:
                    return

        threads = [threading.Thread(target=send, args=(device,)) for device in devices]
        for thread in threads:
            thread.start()
        pause = threading.Event()
        for _ in range(3):
            for fault in FAULTS:
                pause.wait(0.15)
                disk.refuse(fault)
                pause.wait(0.1)
                disk.recover()
        pause.wait(0.15)
        stop.set()
        for thread in threads:
            thread.join()
        assert statuses == {201, 503}
        found = kept(collector)
        assert sorted(found) == sorted(one for chain in acknowledged.values() for one in chain)
        for chain in acknowledged.values():
            assert [one for one in found if one in set(chain)] == chain
        assert collector.stop() == 0
    is_whole(tmp_path / "data")


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """A limit of the system that stops the ledger from growing is named, and what was refused is taken when it is lifted."""
    with running(tmp_path / "data", "--workers", "2") as collector:
        device = collector.enrolled("anna")
        assert collector.post_batch(device.next()).status == 201
        (clerk,) = (psutil.Process(pid) for pid in collector.children[CLERK])
        size = (tmp_path / "data" / "ledger" / "000001.ndjson").stat().st_size
        clerk.rlimit(psutil.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
        body = refused(collector, device, "File too large")
        clerk.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert collector.post_batch(body).status == 201
        assert collector.add("berta").status == 200
        assert collector.stop() == 0
    is_whole(tmp_path / "data")


@contextlib.contextmanager
def small_disk(folder: Path, size_kb: int) -> Iterator[None]:
    """A file system of its own in a folder; skips the test where there cannot be one."""
    folder.mkdir(parents=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k,mode=700", "speedproof-test", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        pytest.skip(f"mounting a small file system: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file system needs root")
def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """On a file system that is really full everything is refused, segment ends included; with more room it goes on."""
    data = tmp_path / "data"
    with small_disk(data / "ledger", 2500):
        (data / "collector.toml").write_text("segment_mb = 1\nreserve_mb = 0\n")
        with running(data, "--workers", "2") as collector:
            device = collector.enrolled("anna")
            bulk = [download(t_us=list(range(4000))) for _ in range(5)]
            acknowledged = []
            while collector.post_batch(body := device.seal(*bulk)).status == 201:
                acknowledged.append(pae_sha256_of(device.told(body, len(bulk))))
            assert len(acknowledged) > 5
            answer = collector.post_batch(body)
            assert (answer.status, answer.error) == (503, "storage_full")
            assert kept(collector) == acknowledged
            subprocess.run(["mount", "-o", "remount,size=20000k", str(data / "ledger")], check=True)
            for _ in range(10):
                body = device.seal(*bulk)
                assert collector.post_batch(body).status == 201
                acknowledged.append(pae_sha256_of(device.told(body, len(bulk))))
            assert kept(collector) == acknowledged
            counted(collector, "anna", len(acknowledged) * len(bulk))
            assert collector.enrolled("berta").dev
            assert collector.stop() == 0
        is_whole(data)
