"""Evidence holds, and each kind of tampering fails at its step; nothing but `shared` is needed to see it."""

import gc
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from fakes.case import Case
from fakes.log import FakeLog

from collector.case import case_of
from collector.evidence.__main__ import main
from collector.evidence.bundle import make_evidence
from collector.evidence.check import check_evidence
from collector.evidence.logged import CHECKPOINT, FOLDERS, PROOFS, VKEY, Place, Trust
from collector.log.key import LogKey
from shared import dsse, strictjson
from shared.batch import pae_sha256_of
from shared.keys import FileKey
from shared.leaf import leaf_of
from shared.tree import inclusion

Files = dict[str, bytes]
Zip = Callable[[Mapping[str, bytes]], bytes]
REPOSITORY = Path(__file__).resolve().parents[3]
NAMES = (
    "format",
    "files",
    "collector",
    "enrolments",
    "batches",
    "chain",
    "receipts",
    "complaints",
    "counts",
    "criteria",
    "counter-signatures",
    "log",
    "kept",
    "omission",
    "time-stamps",
    "peers",
    "transfers",
    "time",
    "starts",
)


def failed_step(files: Mapping[str, bytes], told_key: str | None = None) -> tuple[int, str]:
    """The number and reason of the step that fails, (0, "") if all hold."""
    steps = check_evidence(dict(files), Trust(told_key))
    assert [step.no for step in steps] == list(range(1, len(steps) + 1))
    assert all(step.holds for step in steps[:-1])
    assert [step.name for step in steps] == list(NAMES[: len(steps)])
    return (0, "") if steps[-1].holds else (steps[-1].no, steps[-1].detail)


def named(files: Mapping[str, bytes], folder: str) -> list[str]:
    """The members of a folder."""
    return sorted(name for name in files if name.startswith(folder + "/"))


def of(case: Case, folder: str, number: int = 0) -> list[str]:
    """The members of a folder about one device, in order."""
    return [name for name in named(case.files, folder) if case.history.devices[number].dev in name]


def test_real_evidence_holds(case: Case) -> None:
    """A real case with two devices, complaints, a refused batch and an import holds, and says what it looked at."""
    files = case.files
    assert failed_step(files) == (0, "")
    assert failed_step(files, case.services.collector_key.public.key_id) == (0, "")
    assert len(named(files, "batches")) == len(named(files, "receipts")) == 4
    assert [len(named(files, folder)) for folder in ("enrolments", "complaints", "refused", "imports")] == [2, 2, 1, 1]
    details = {step.name: step.detail for step in check_evidence(files)}
    assert details["batches"] == "4 batches, 7 records"
    assert details["counts"] == "3 ok, 3 failed, 0 aborted, 1 not_started"
    assert "compare it with what you were told elsewhere" in details["collector"]


def test_nothing_of_another_line(case: Case) -> None:
    """No byte of another line's device is in the evidence."""
    other = case.history.devices[2].dev.encode()
    assert not any(other in data or other.decode() in name for name, data in case.files.items())


def test_equal_case_equal_bytes(case: Case) -> None:
    """The same case at the same moment is the same file, byte for byte."""
    assert make_evidence(case.services, "line-0") == case.zipped


def test_case_is_the_one_shown(case: Case) -> None:
    """The case in the file is the one the desk is shown."""
    told = json.loads(case.files["case.json"])
    view, _ = case_of(case.services, "line-0")
    assert told["subscriber"] == view.subscriber
    assert [one["verdict"] for one in told["verdicts"]] == [one.verdict for one in view.verdicts]
    assert {one["provenance"] for one in told["verdicts"]} == {"signed", "imported"}


def with_member(case: Case, name: str, data: bytes | None) -> Files:
    """The members with one changed (or left out), all signed anew by the collector."""
    files = case.files
    if data is None:
        del files[name]
    else:
        files[name] = data
    return case.signed_anew(files)


def without_batch(case: Case, place: int, *, receipt: bool = True) -> Files:
    """Without one batch of the first device."""
    files = case.files
    del files[of(case, "batches")[place]]
    if receipt:
        del files[of(case, "receipts")[place]]
    return case.signed_anew(files)


def renamed(case: Case) -> Files:
    """With a batch under the name of another."""
    files = case.files
    first, second = of(case, "batches")[:2]
    files[first], files[second] = files[second], files[first]
    return case.signed_anew(files)


def other_subscriber(case: Case) -> Files:
    """As if the devices had been enrolled for somebody else."""
    files = case.files
    manifest = strictjson.decode(files["manifest.json"][:-1]) | {"subscriber": "line-1"}
    files["manifest.json"] = strictjson.encode(manifest) + b"\n"
    return case.signed_anew(files)


def forged_batch(case: Case) -> Files:
    """With a record of the last batch changed, and signed by a key that was never enrolled."""
    files, name = case.files, of(case, "batches")[-1]
    line, _, rest = files[name].partition(b"\n")
    payload = json.loads(dsse.read_envelope(line).payload)
    rest = rest.replace(b'"received_bytes":1250000', b'"received_bytes":9250000')
    payload["subject"][0]["digest"]["sha256"] = hashlib.sha256(rest).hexdigest()
    files[name] = dsse.seal(strictjson.encode(payload), FileKey.generate()) + b"\n" + rest
    return case.signed_anew(files)


def swapped_receipts(case: Case) -> Files:
    """With the receipts of two batches exchanged."""
    files = case.files
    first, second = of(case, "receipts")[:2]
    files[first], files[second] = files[second], files[first]
    return case.signed_anew(files)


def foreign_complaint(case: Case) -> Files:
    """With a complaint signed by a device of another line."""
    return with_member(case, "complaints/00000099.json", case.history.devices[2].complaint("not mine") + b"\n")


def other_counts(case: Case) -> Files:
    """With a case that counts one failure more."""
    told = json.loads(case.files["case.json"])
    told["counts"]["signed"]["failed"] += 1
    return with_member(case, "case.json", json.dumps(told).encode())


def other_verdict(case: Case) -> Files:
    """With a case that shows another verdict than was signed."""
    told = json.loads(case.files["case.json"])
    told["verdicts"][0]["verdict"] = "substantiated"
    return with_member(case, "case.json", json.dumps(told).encode())


Proofs = list[strictjson.JsonObject]


def with_proofs(case: Case, change: Callable[[Proofs], Proofs]) -> Files:
    """With other proofs of places in the log."""
    told = [strictjson.decode(line) for line in case.files[PROOFS].splitlines()]
    return with_member(case, PROOFS, b"".join(strictjson.encode(one) + b"\n" for one in change(told)))


def exchanged(told: Proofs) -> Proofs:
    """With the names of two files exchanged."""
    first, second, *rest = told
    return [first | {"of": second["of"]}, second | {"of": first["of"]}, *rest]


def longer(told: Proofs) -> Proofs:
    """With a hash more in the first."""
    hashes = told[0]["hashes"]
    assert isinstance(hashes, list)
    return [told[0] | {"hashes": [*hashes, hashes[0]]}, *told[1:]]


def another_order(case: Case) -> Files:
    """With a log, well signed, in which a device's second batch came before its first."""
    publisher, key = case.services.publisher, LogKey.generate()
    names = {leaf: name for name in case.files if (leaf := leaf_of_file(case, name)) is not None}
    leaves = list(publisher.files.leaves(0, publisher.files.size))
    first, second = (
        next(at for at, leaf in enumerate(leaves) if names.get(leaf) == name) for name in of(case, "batches")[:2]
    )
    leaves[first], leaves[second] = leaves[second], leaves[first]
    log = FakeLog(key, leaves)
    size = len(leaves)
    proofs = [
        Place(names[leaf], index, tuple(inclusion(log.node, index, size))).line
        for index, leaf in enumerate(leaves)
        if leaf in names
    ]
    files = case.files | {PROOFS: b"".join(proofs), CHECKPOINT: log.note(), VKEY: key.public.vkey.encode() + b"\n"}
    return case.signed_anew(files)


def leaf_of_file(case: Case, name: str) -> bytes | None:
    """The leaf that a file is, None if it is none."""
    if name.partition("/")[0] not in FOLDERS:
        return None
    envelope = dsse.read_envelope(case.files[name].partition(b"\n")[0])
    keys = [
        case.services.portal_key.public,
        *case.services.peers.values(),
        *(device.key.public for device in case.history.devices),
    ]
    spki = next(key.spki for key in keys if key.key_id == envelope.key_id)
    return leaf_of(envelope.pae_sha256, envelope.signature, spki)


def better_grades(case: Case) -> Files:
    """With a case that says its transfers are counter-signed."""
    told = json.loads(case.files["case.json"])
    told["grades"] = [one | {"grade": "counter_signed", "reason": None} for one in told["grades"]]
    return with_member(case, "case.json", json.dumps(told).encode())


def peer_renamed(case: Case) -> Files:
    """With a key of nobody's in the place of a peer's."""
    name = named(case.files, "keys/peers")[0]
    return with_member(case, name, FileKey.generate().public.to_pem())


TAMPERINGS: dict[str, tuple[int, Callable[[Case], Files], str]] = {
    "file_changed": (2, lambda c: c.files | {"README.txt": b"trust me\n"}, "README.txt"),
    "file_added": (2, lambda c: c.files | {"batches/extra.ndjson": b"{}\n"}, "not in the manifest"),
    "file_gone": (2, lambda c: {k: v for k, v in c.files.items() if k != "case.json"}, "listed, but not there"),
    "manifest_by_another": (3, lambda c: c.signed_anew(c.files, FileKey.generate()), "signature"),
    "manifest_of_another": (3, lambda c: c.files | {"manifest.json": other_subscriber(c)["manifest.json"]}, "manifest"),
    "collector_key_gone": (3, lambda c: with_member(c, "keys/collector.pem", None), "keys/collector.pem"),
    "other_subscriber": (4, other_subscriber, "somebody else"),
    "other_portal": (4, lambda c: with_member(c, "keys/portal.pem", FileKey.generate().public.to_pem()), "another key"),
    "no_enrolment": (5, lambda c: with_member(c, of(c, "enrolments")[0], None), "not enrolled here"),
    "flipped_record": (
        5,
        lambda c: with_member(c, of(c, "batches")[0], c.files[of(c, "batches")[0]].replace(b'"ok"', b'"no"')),
        "bad_digest",
    ),
    "forged_batch": (5, forged_batch, "not enrolled here"),
    "renamed": (5, renamed, "not the batch its name says"),
    "middle_batch_gone": (6, lambda c: without_batch(c, 1), "batch 1 is missing"),
    "first_batch_gone": (6, lambda c: without_batch(c, 0), "batch 0 is missing"),
    "no_receipt": (7, lambda c: with_member(c, of(c, "receipts")[1], None), "no receipt"),
    "swapped_receipts": (7, swapped_receipts, "another batch"),
    "last_batch_gone": (7, lambda c: without_batch(c, -1, receipt=False), "a receipt for a batch that is not here"),
    "foreign_complaint": (8, foreign_complaint, "not enrolled here"),
    "other_counts": (9, other_counts, "failed"),
    "case_without_counts": (9, lambda c: with_member(c, "case.json", b"{}"), "no counts"),
    "last_batch_and_receipt_gone": (9, lambda c: without_batch(c, -1), "another number"),
    "other_rule": (
        10,
        lambda c: with_member(c, "criteria/cz-mobile-cert.toml", c.files["criteria/cz-mobile-cert.toml"] + b"\n"),
        "not the rule",
    ),
    "other_verdict": (10, other_verdict, "not the ones that were signed"),
    "no_verdicts": (
        10,
        lambda c: with_member(c, "case.json", c.files["case.json"].replace(b'"verdicts"', b'"v"')),
        "no verdicts",
    ),
    "rule_gone": (10, lambda c: with_member(c, "criteria/cz-mobile-cert.toml", None), "not there"),
    "better_grades": (11, better_grades, "0 of 6 transfers counter-signed"),
    "grades_of_another_form": (
        11,
        lambda c: with_member(c, "case.json", c.files["case.json"].replace(b'"n": ', b'"m": ')),
        "a grade that cannot be read",
    ),
    "peer_renamed": (11, peer_renamed, "not the key its name says"),
    "proofs_exchanged": (12, lambda c: with_proofs(c, exchanged), "not in the log where its proof says"),
    "proof_of_a_hash_more": (12, lambda c: with_proofs(c, longer), "not in the log where its proof says"),
    "proof_twice": (12, lambda c: with_proofs(c, lambda told: [*told, told[0]]), "a proof for a file that is not here"),
    "proof_of_no_leaf": (12, lambda c: with_proofs(c, lambda told: [told[0] | {"of": "case.json"}]), "is no leaf"),
    "proof_without_hashes": (12, lambda c: with_proofs(c, lambda told: [{"of": "x", "index": 0}]), "without hashes"),
    "another_logs_checkpoint": (
        12,
        lambda c: with_member(c, "log/checkpoint", LogKey.generate().checkpoint(3, bytes(32))),
        "a checkpoint of log-",
    ),
    "another_logs_key": (
        12,
        lambda c: with_member(c, "log/vkey", LogKey.generate().public.vkey.encode() + b"\n"),
        "a checkpoint of log-",
    ),
    "a_log_in_another_order": (12, another_order, "in the log before what it follows"),
    "a_log_that_is_wrong": (12, lambda c: with_member(c, "log/wrong.txt", b"so it is\n"), "contradicts its ledger"),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering(case: Case, name: str) -> None:
    """Each tampering fails at its own step, for its own reason, even where the manifest was made to fit."""
    step, tamper, reason = TAMPERINGS[name]
    failed, detail = failed_step(tamper(case))
    assert (failed, reason in detail) == (step, True), detail


def test_each_step_has_a_tampering() -> None:
    """Every step after the first can fail, and is seen to."""
    assert {step for step, _, _ in TAMPERINGS.values()} == set(range(2, 13))  # those after it have tests of their own


def test_dropping_the_newest_batches_with_all_traces(case: Case) -> None:
    """The documented limit: whoever holds the collector's key can end a chain earlier and count again, and it holds.

    The leaf stays in the log, where whoever looks for the device's key finds it; the file by itself does not show it.
    """
    files = case.without_newest()
    assert failed_step(files) == (0, "")
    assert b"no\nbatch was withheld after the last receipt" in files["README.txt"]


def test_attacker_with_his_own_key(case: Case) -> None:
    """Who signs all of it anew with his own key passes only where nobody was told the collector's."""
    attacker = FileKey.generate()
    files = case.files
    files["keys/collector.pem"] = attacker.public.to_pem()
    forged = case.signed_anew(files, attacker)
    assert failed_step(forged)[0] == 7  # the receipts are still the real collector's
    assert failed_step(forged, case.services.collector_key.public.key_id)[0] == 3


@pytest.mark.threat("T7")
def test_one_flipped_byte_in_every_member(case: Case, zip_of: Zip, tmp_path: Path) -> None:
    """A byte flipped in any member never passes, be it for a reader who was told the key or for one who was not."""
    files, file = case.files, tmp_path / "evidence.zip"
    for name, data in files.items():
        for place in {0, len(data) // 3, len(data) // 2, len(data) - 1}:
            bad = bytearray(data)
            bad[place] ^= 0x01
            file.write_bytes(zip_of(files | {name: bytes(bad)}))
            assert main([str(file), "--json"]) in (1, 2), (name, place)


@pytest.mark.threat("T7")
def test_flipped_byte_under_a_manifest_made_to_fit(case: Case) -> None:
    """A byte flipped in what was signed by a device, the portal or the collector shows even under a new manifest."""
    files = case.files
    signed = [
        name for name in files if name.split("/")[0] in ("batches", "receipts", "enrolments", "complaints", "criteria")
    ]
    for name in signed:
        for place in (0, len(files[name]) // 2, len(files[name]) - 2):
            bad = bytearray(files[name])
            bad[place] ^= 0x01
            assert failed_step(with_member(case, name, bytes(bad)))[0] > 3, (name, place)


def test_chain_is_that_of_the_device(case: Case) -> None:
    """The heads in the evidence are those the devices know."""
    device = case.history.devices[0]
    assert pae_sha256_of(case.files[of(case, "batches")[-1]]) == device.prev


BLOCKED = """
import sys
blocked = {"aiohttp", "fastapi", "starlette", "duckdb", "psutil", "msgspec", "uvicorn", "jinja2", "pydantic"}
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in blocked:
            raise ImportError(name + " is blocked")
        if name.startswith(("collector.", "probe")) and not name.startswith("collector.evidence"):
            raise ImportError(name + " is blocked")
        if name == "collector.evidence.bundle":
            raise ImportError(name + " is blocked")
        return None
sys.meta_path.insert(0, Blocker())
from collector.evidence.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def test_checker_needs_only_shared(case: Case, tmp_path: Path) -> None:
    """The checker runs where there is nothing but `shared`, `cryptography` and itself."""
    file = tmp_path / "evidence.zip"
    file.write_bytes(case.zipped)
    key = tmp_path / "collector.pem"
    key.write_bytes(case.services.collector_key.public.to_pem())
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, str(file), "--collector-key", str(key)],
        capture_output=True, text=True, check=False, cwd=REPOSITORY,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "The evidence holds."
    assert done.stdout.count("ok  ") == len(NAMES)


def test_the_log_that_one_was_told_of(case: Case) -> None:
    """With the log's key from elsewhere another log does not do, nor evidence without one."""
    own, other = case.services.log_key.public.vkey, LogKey.generate().public.vkey
    step = check_evidence(case.files, Trust(vkey=own))[NAMES.index("log")]
    assert (step.no, step.name, step.holds) == (12, "log", True)
    assert "(as you were told)" in step.detail
    assert not check_evidence(case.files, Trust(vkey=other))[-1].holds
    without = {name: data for name, data in case.unbundled.items() if not name.startswith("log/")}
    assert (
        check_evidence(case.signed_anew(without))[NAMES.index("log")].detail
        == "the collector had no log when this was made"
    )
    assert "so nothing of it is in the log" in check_evidence(case.signed_anew(without), Trust(vkey=own))[-1].detail


def test_everything_signed_is_in_the_log(case: Case) -> None:
    """Each batch, enrolment, complaint and batch kept aside has its proof; what was never signed by a person's key has none."""
    proven = {str(strictjson.decode(line)["of"]) for line in case.files[PROOFS].splitlines()}
    assert proven == {name for name in case.files if name.partition("/")[0] in FOLDERS}
    assert len(proven) > 5


def test_the_interpreter_is_left_as_it_was(case: Case) -> None:
    """A check that holds, fails, or is cut off by a fault leaves the search for circles on, or off, as it found it."""
    for enabled in (True, False):
        for files in (case.files, case.files | {"case.json": b"{}"}):
            (gc.enable if enabled else gc.disable)()
            try:
                check_evidence(files)
                assert gc.isenabled() is enabled
            finally:
                gc.enable()
