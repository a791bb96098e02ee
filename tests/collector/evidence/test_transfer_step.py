"""Peers' own words in evidence: what was started and never delivered is found again, whoever left it out."""

import asyncio
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.case import Case, Files, step_of
from fakes.clock import FakeClock
from fakes.cosign import OTHER_PEER, bearing, transfer
from fakes.device import download
from fakes.history import History, sid_of

from collector.config import Config
from collector.evidence.archive import read_archive
from collector.evidence.bundle import make_evidence
from collector.evidence.check import STEPS, Step, check_evidence
from collector.evidence.logged import PROOFS
from collector.ingest import Ingest
from collector.keyfiles import load_or_create
from collector.services import Services
from shared import strictjson
from shared.delivery import PATIENCE_US
from shared.dsse import seal

NO = STEPS.index("transfers") + 1


def last(files: Files) -> Step:
    """The step, or the last that was reached."""
    return step_of(check_evidence(files), "transfers")


def told(case: Case, files: Files) -> Step:
    """The step over files whose manifest was made to fit and signed again."""
    step = last(case.signed_anew(files))
    assert (step.no, step.name) == (NO, "transfers"), step
    return step


def without_proof(files: Files, name: str) -> Files:
    """The files with the proof of one taken out."""
    files[PROOFS] = b"".join(line for line in files[PROOFS].splitlines(keepends=True) if name.encode() not in line)
    return files


def test_what_peers_have_signed_is_told(case: Case) -> None:
    """Each transfer is there with its proof, and what became of it is told: delivered, awaited, or denied by the device."""
    files = case.files
    one, two, _ = case.history.devices
    names = [name for name in files if name.startswith("transfers/")]
    assert len(names) == 3
    assert all(f'"of":"{name}"'.encode() in files[PROOFS] for name in names)
    step = last(files)
    assert (step.no, step.holds) == (NO, True)
    assert step.detail == (
        "3 transfers signed by peers: 1 awaited, 1 delivered; "
        f"started, never delivered: 1 (start 0 of {two.dev[:8]} (denied))"
    )
    assert [row["seq"] for row in json.loads(files["case.json"])["transfers"]["never"]] == [0]
    assert one.dev[:8] not in step.detail


@pytest.mark.threat("T11")
def test_a_batch_that_was_dropped_is_told_of_by_its_peer(tmp_path: Path) -> None:
    """The newest batch gone with every trace of it: the peer's word on a transfer of it names the start that is missing."""
    with opened(tmp_path, FakeClock()) as (services, history):
        history.eventful()
        device = history.devices[0]
        history.transfer(device, device.seq - 1, sid=sid_of(777))
        made = Case(services, history, make_evidence(services, "line-0"))
        assert last(made.files).holds
        step = last(made.without_newest())
    assert (step.no, step.name, step.holds) == (NO, "transfers", False)
    assert step.detail.startswith("case.json: it says another thing of what peers have signed than is found here")


@pytest.mark.threat("T11", "T1")
def test_a_case_that_is_made_to_fit_still_names_the_start(tmp_path: Path) -> None:
    """Whoever drops a batch and adapts his case to it hands over evidence that itself names the start as never delivered."""
    clock = FakeClock()
    with opened(tmp_path, clock) as (services, history):
        device = history.device("line-0")
        history.batch(device)
        history.transfer(device, 1)  # of the batch that is never taken in
        clock.advance(PATIENCE_US * 2)
        files = read_archive(make_evidence(services, "line-0"))
    step = last(files)
    assert (step.no, step.holds) == (NO, True)
    assert step.detail.endswith(f"started, never delivered: 1 (start 1 of {device.dev[:8]} (overdue))")


@contextlib.contextmanager
def opened(folder: Path, clock: FakeClock) -> Iterator[tuple[Services, History]]:
    """A collector of its own."""
    with contextlib.closing(Services.over_folder(Config(data=folder / "data"), clock)) as services:
        yield services, History(services)


def test_a_case_that_hides_it(case: Case) -> None:
    """A case that leaves out what was never delivered, or tells of something that was, does not pass."""
    for change in (
        lambda told: told["never"].clear(),
        lambda told: told["never"][0].update(standing="overdue"),
        lambda told: told["standings"].update(delivered=9),
        lambda told: told.update(never=[{}]),
        lambda told: told.update(standings=[]),
        lambda told: told["never"][0].update(seq="x"),
        lambda told: told["never"][0].update(dev=None),
        lambda told: told["never"][0].update(seq=10**30),
        lambda told: told["never"].append(told["never"][0]),
        lambda told: told["never"].extend([told["never"][0] | {"dev": f"\U0001f4f6{n:08d}"} for n in range(30)]),
        lambda told: told.update(never={}),
        lambda told: told.update(never=""),
        lambda told: told["standings"].update(awaited=True),
        lambda told: told["standings"].update(overdue=0),
    ):
        files = case.files
        content = json.loads(files["case.json"])
        change(content["transfers"])
        files["case.json"] = json.dumps(content).encode()
        step = told(case, files)
        assert not step.holds
        assert step.detail.startswith("case.json: ")


def test_a_case_from_before(case: Case) -> None:
    """Evidence whose case was made before it told of transfers holds, and is told what its files say."""
    files = case.files
    content = json.loads(files["case.json"])
    del content["transfers"]
    files["case.json"] = json.dumps(content).encode()
    step = told(case, files)
    assert step.holds
    assert "started, never delivered: 1" in step.detail


def test_statements_must_hold(case: Case) -> None:
    """A statement by a peer whose key is not here, of nobody's device, with a changed byte, or that is none, is named."""
    peer = load_or_create(case.services.config.data / "keys" / "peer.pem")
    device = case.history.devices[0]
    good = transfer(device.dev, seq=3, sid=sid_of(3)).seal(peer)
    for line, words in (
        (transfer(device.dev).seal(OTHER_PEER), "signed by a peer whose key is not here"),
        (transfer("ab" * 32).seal(peer), "about a device that is not enrolled here"),
        (case.history.devices[0].complaint("x"), "signed by a peer whose key is not here"),
        (good.replace(peer.public.key_id.encode(), peer.public.key_id[:16].encode() + b"0" * 48), "signed by a peer"),
        (b"{}", "envelope"),
    ):
        files = case.files
        files["transfers/99999999.json"] = line + b"\n"
        step = told(case, files)
        assert not step.holds
        assert step.detail.startswith("transfers/99999999.json: ")
        assert words in step.detail


@pytest.mark.parametrize(
    ("member", "value", "why"),
    [
        ("dir", 7, "dir is neither down nor up"),
        ("flow_bytes", 7, "flow_bytes is not a list"),
        ("flow_bytes", [-1], "holds something that is no count of bytes"),
        ("flow_bytes", [1], "the flows' bytes are not the transfer's"),
        ("seed", "AAAA", "a seed has 32 bytes"),
        ("cc", 7, "cc is not text"),
        ("seq", -1, "seq is not an integer of at least 0"),
    ],
)
def test_what_a_peer_says_must_be_readable(case: Case, member: str, value: object, why: str) -> None:
    """A statement with a member of another form is named with what is wrong about it, the first of several."""
    peer = load_or_create(case.services.config.data / "keys" / "peer.pem")
    payload = json.loads(transfer(case.history.devices[0].dev, seq=3, sid=sid_of(3)).encode())
    payload["predicate"] |= {member: value, "end": 7 if member != "flow_bytes" or value != [1] else "x"}
    files = case.files
    files["transfers/99999999.json"] = seal(strictjson.encode(payload), peer) + b"\n"
    step = told(case, files)
    assert not step.holds
    assert step.detail.endswith(why)


def test_one_statement_from_two_ledgers_is_one(case: Case) -> None:
    """The same statement under two names counts once."""
    files = case.files
    name = next(name for name in files if name.startswith("transfers/"))
    files["transfers/1-00000001.json"] = files[name]
    assert told(case, files).holds


def test_a_record_that_says_otherwise_is_told(tmp_path: Path) -> None:
    """A record that leaves its peer's word out and says other figures is named with what differs, and fails nothing."""
    with opened(tmp_path, FakeClock()) as (services, history):
        device = history.device("line-0")
        history.batch(device)
        history.transfer(device, 0, acked_bytes=90_000_000)
        step = last(read_archive(make_evidence(services, "line-0")))
    assert step.holds
    assert step.detail.endswith(f"records that say otherwise than their peer: {device.dev[:8]}: 0 bytes_apart")


def test_of_several_transfers_for_one_start_one_is_delivered(tmp_path: Path) -> None:
    """A record is about one transfer: the first for its start, or the one whose statement it bears; the others are denied."""
    with opened(tmp_path, FakeClock()) as (services, history):
        device = history.device("line-0")
        peer = load_or_create(services.config.data / "keys" / "peer.pem")
        bears = bearing(download(), transfer(device.dev, seq=1, sid=sid_of(1)), peer)
        body = device.next(download(), bears, download(method="upload"), lost=1)
        asyncio.run(Ingest(services).take(body))
        for seq, sids in enumerate(((0, 10), (1, 11), (2,), (3,), (4,))):
            for sid in sids:
                history.transfer(device, seq, sid=sid_of(sid))
        step = last(read_archive(make_evidence(services, "line-0")))
    assert step.holds
    why = ("denied", "denied", "denied", "passed_over")
    named = ", ".join(f"start {seq} of {device.dev[:8]} ({one})" for seq, one in enumerate(why))
    assert step.detail == f"7 transfers signed by peers: 1 awaited, 2 delivered; started, never delivered: 4 ({named})"


def test_a_peer_who_is_not_trusted_any_more_is_not_quoted(tmp_path: Path) -> None:
    """What was taken in from a peer whose key was taken away since is neither in the case nor in the evidence."""
    with opened(tmp_path, FakeClock()) as (services, history):
        device = history.device("line-0")
        history.batch(device)
        history.transfer(device, 0)
        services.peers = {}
        files = read_archive(make_evidence(services, "line-0"))
    assert not [name for name in files if name.startswith("transfers/")]
    assert json.loads(files["case.json"])["transfers"] == {"never": [], "standings": {}}
    assert last(files).detail == "no peer's own words are here"
