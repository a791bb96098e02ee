"""The Sigstore bundles in an evidence file itself: which there are, and that anything but what the file makes them is refused."""

import contextlib
import copy
import io
import json
import shutil
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from fakes.case import Case, Files, step_of
from fakes.clock import FakeClock
from fakes.history import History
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.config import Config
from collector.evidence.bundle import make_evidence
from collector.evidence.check import Step, check_evidence
from collector.evidence.enclosed import MOST_ROOT_BYTES, ROOT, enclosed_in, newest_of
from collector.evidence.logged import BUNDLES, PROOFS, WRONG, Trust, bundle_of
from collector.evidence.stamped import TOKENS, sigstore_bundle
from collector.log.key import LogKey
from collector.rotate import rotate_log
from collector.services import Services
from shared.bundle import check_bundle, read_bundle
from shared.dsse import b64
from shared.keys import FileKey, PublicKey

pytestmark = pytest.mark.threat("T19")
NOT_OF_A_BATCH = "of no batch that is here and in the log"
NOT_MADE_SO = "not what the batch, its proof and its key make it"
NOT_A_ROOT = "not a root of trust with the log's key"


def log_of(files: Files, **trust: Any) -> Step:
    """How the step of the log went."""
    return step_of(check_evidence(files, Trust(**trust)), "log")


def refused(case: Case, change: Mapping[str, bytes], name: str, why: str, *gone: str) -> None:
    """A manifest that lists the change is of no use: the step fails, the member named."""
    files = case.files | change
    for one in gone:
        del files[one]
    step = log_of(case.signed_anew(files))
    assert (step.no, step.holds, step.detail) == (12, False, f"{name}: {why}")


def bundles_in(files: Files) -> list[str]:
    """The bundles, in order."""
    return sorted(name for name in files if name.endswith(".sigstore.json"))


def placed(files: Files) -> dict[str, int]:
    """Where its files are in the log."""
    return {told["of"]: told["index"] for told in map(json.loads, files[PROOFS].splitlines())}


def key_of(files: Files, dev: str) -> PublicKey:
    """A device's key as it stands beside its bundles."""
    return PublicKey.from_pem(files[f"{BUNDLES}{dev}/key.pem"])


def test_what_is_in_it(case: Case) -> None:
    """A bundle for each batch, by its name; the key of each device; a root of trust: what anybody makes of the rest, and it is told."""
    files, log = case.files, case.services.log_key.public
    batches = [name for name in files if name.startswith("batches/")]
    devices = {device.dev: device.key.public for device in case.history.devices[:2]}
    assert bundles_in(files) == sorted(map(bundle_of, batches))
    for name in batches:
        dev = name.split("/")[1]
        assert files[bundle_of(name)] == sigstore_bundle(files, name, devices[dev], log) + b"\n"
        assert check_bundle(read_bundle(files[bundle_of(name)][:-1]), key_of(files, dev), log)
    others = {ROOT, *(f"{BUNDLES}{dev}/key.pem" for dev in devices)}
    assert {name for name in files if name.startswith(BUNDLES)} == {*bundles_in(files), *others}
    for trust in ({}, {"vkey": log.vkey}):
        assert log_of(files, **trust).detail.endswith("; 4 Sigstore bundles")


def test_fewer_or_none(case: Case) -> None:
    """Which are there is the collector's choice: any of them may be missing, as all are in files of before, and it is not told."""
    files, (first, *_) = case.files, bundles_in(case.files)
    for gone in ([first], [ROOT], [name for name in files if name.endswith("/key.pem")]):
        fewer = {name: data for name, data in files.items() if name not in gone}
        left = len(bundles_in(fewer))
        assert log_of(case.signed_anew(fewer)).detail.endswith(f"; {left} Sigstore bundles")
    steps = check_evidence(case.signed_anew(case.unbundled))
    assert steps[-1].holds
    assert "Sigstore" not in step_of(steps, "log").detail


@settings(max_examples=60)
@given(data=st.data())
def test_any_byte(case: Case, data: st.DataObject) -> None:
    """Any byte of any member changed, one more, or one less: refused, the member named."""
    files = case.files
    name = data.draw(st.sampled_from(sorted(one for one in files if one.startswith(BUNDLES))))
    was = files[name]
    at, way = data.draw(st.integers(0, len(was) - 1)), data.draw(st.integers(-1, 255))
    now = (
        was[:at] + was[at + 1 :]
        if way < 0
        else was[:at] + bytes([was[at] ^ way]) + was[at + 1 :]
        if way
        else was + b"\n"
    )
    refused(case, {name: now}, name, NOT_A_ROOT if name == ROOT else NOT_MADE_SO)


def changes_of(value: Any) -> Iterator[Any]:
    """The same with one thing changed, taken away, or there twice, wherever it stands."""
    if isinstance(value, str):
        yield ("B" if value[:1] == "A" else "A") + value[1:]
    if isinstance(value, dict):
        yield value | {"more": "1"}
    places = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for place in places:
        less = copy.copy(value)
        del less[place]
        yield less
        if isinstance(value, list):
            yield [*value, value[place]]
        for other in changes_of(value[place]):
            changed = copy.copy(value)
            changed[place] = other
            yield changed


def spelt(value: object) -> bytes:
    """As a member has it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def test_any_value(case: Case) -> None:
    """Each value in a bundle and in the root of trust changed, each left out, each put there twice: refused, however well it is spelt."""
    for name, why in ((bundles_in(case.files)[-1], NOT_MADE_SO), (ROOT, NOT_A_ROOT)):
        told = json.loads(case.files[name])
        assert spelt(told) == case.files[name]
        changed = list(changes_of(told))
        assert len(changed) > 20
        for one in changed:
            refused(case, {name: spelt(one)}, name, why)


def test_what_stands_elsewhere(case: Case) -> None:
    """A true bundle under another's name, a number that is no batch, another spelling, another device: each is refused."""
    files, (one, other, *_, last) = case.files, bundles_in(case.files)
    dev, stranger = one.split("/")[1], case.history.devices[2].dev
    refused(case, {one: files[other]}, one, NOT_MADE_SO)
    refused(case, {one: json.dumps(json.loads(files[one])).encode()}, one, NOT_MADE_SO)
    refused(case, {one: b""}, one, NOT_MADE_SO)
    for name in (
        f"{BUNDLES}{dev}/00000099.sigstore.json",
        f"{BUNDLES}{dev}/0.sigstore.json",
        f"{BUNDLES}{dev}/00000000.json",
        f"{BUNDLES}{dev}/00000000",
        f"{BUNDLES}{dev}",
        f"{BUNDLES}{stranger}/00000000.sigstore.json",
        f"{BUNDLES}{stranger}/key.pem",
        f"{BUNDLES}more/{dev}/00000000.sigstore.json",
        f"{BUNDLES}enrolments/{dev}.json.sigstore.json",
        f"{BUNDLES}a",
        f"{BUNDLES}__proto__/key.pem",
    ):
        refused(case, {name: files[one]}, name, NOT_OF_A_BATCH)
    refused(
        case, {f"{BUNDLES}{dev}/key.pem": FileKey.generate().public.to_pem()}, f"{BUNDLES}{dev}/key.pem", NOT_MADE_SO
    )
    refused(case, {f"{BUNDLES}{dev}/key.pem": files["keys/portal.pem"]}, f"{BUNDLES}{dev}/key.pem", NOT_MADE_SO)
    batch = "batches/" + last.removeprefix(BUNDLES).replace(".sigstore.json", ".ndjson")
    proofs = b"".join(line for line in files[PROOFS].splitlines(keepends=True) if batch.encode() not in line)
    refused(case, {PROOFS: proofs}, last, NOT_OF_A_BATCH)  # it is not in the log any more


def test_other_roots_of_trust(case: Case) -> None:
    """Another log, a certificate from nowhere, more of the same, what is no root at all: refused."""
    told = json.loads(case.files[ROOT])
    other = json.loads(case.files[ROOT])
    key = LogKey.generate(case.services.log_key.public.name).public
    other["tlogs"][0]["logId"]["keyId"] = b64(key.whole_id)
    other["tlogs"][0]["publicKey"]["rawBytes"] = b64(bytes.fromhex("302a300506032b6570032100") + key.key)
    for wrong in (other, told | {"timestampAuthorities": {}}, told | {"timestampAuthorities": 1}, {}, [told]):
        refused(case, {ROOT: spelt(wrong)}, ROOT, NOT_A_ROOT)
    for odd in ([1], [{}], ["a"], [[]], [{"certChain": []}], [{"certChain": {"certificates": [1]}}]):
        refused(case, {ROOT: spelt(told | {"timestampAuthorities": odd})}, ROOT, NOT_A_ROOT)
    for data in (b"", b"\n", b"{", b"\xff", b"{}" + b" " * MOST_ROOT_BYTES):
        refused(case, {ROOT: data}, ROOT, NOT_A_ROOT)
    for certificate, where in ((b"0\x82", None), (b"", None), (b"a certificate", b"nothing")):
        subject = {"commonName": "as named by the collector", "organization": "as named by the collector"}
        authority = {
            "certChain": {"certificates": [{"rawBytes": b64(certificate)}]},
            "subject": subject,
            "uri": "https://tsa.invalid",
            "validFor": {"start": "1970-01-01T00:00:00Z"},
        }
        more = {} if where is None else {"log/tsa.pem": where}
        root = spelt(told | {"timestampAuthorities": [authority]})
        why = "a certificate that is in no time-stamp and not with the authority's"
        refused(case, {ROOT: root} | more, ROOT, why)
        pem = b"words\r\n-----BEGIN CERTIFICATE-----\r\n%s\r\n-----END CERTIFICATE-----\r\n" % b64(certificate).encode()
        assert log_of(case.signed_anew(case.files | {ROOT: root, "log/tsa.pem": pem})).holds


def test_tokens_that_cannot_be_read(case: Case) -> None:
    """A bundle has its batch's token, so lines that are none fail here, by their number; a token that is not in the bundle too."""
    (first, *_) = bundles_in(case.files)
    batch = "batches/" + first.removeprefix(BUNDLES).replace(".sigstore.json", ".ndjson")
    good = b'{"of":"%s","token":"AAAA"}\n' % batch.encode()
    for data, why in (
        (b"{}\n", "line 1: of is not text"),
        (good + b'{"of":"x"}\n', "line 2: not base64 text"),
        (good + b"[]\n", "line 2: not a JSON object"),
        (good[:-1], "its last line does not end"),
        (b"\xff\n", "line 1: not UTF-8 at byte 0"),
    ):
        refused(case, {TOKENS: data}, TOKENS, why)
    refused(case, {TOKENS: good}, first, NOT_MADE_SO)


def test_no_log_no_bundle(case: Case) -> None:
    """Where the file has no log nothing stands for a bundle, not even a true one."""
    files = {name: data for name, data in case.files.items() if not name.startswith("log/")}
    step = log_of(case.signed_anew(files))
    assert (step.no, step.holds) == (12, False)
    assert step.detail == f"{min(name for name in files if name.startswith(BUNDLES))}: there is no log that has it"


def test_a_log_that_is_not_given_out(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose log contradicts his ledger makes evidence without bundles; a batch whose device is not known here has none either."""
    with monkeypatch.context() as patch:
        patch.setattr(case.services.publisher, "wrong", "it is another")
        files = Case(case.services, case.history, make_evidence(case.services, "line-0")).files
    assert WRONG in files
    assert not any(name.startswith(BUNDLES) for name in files)
    assert enclosed_in(case.files, placed(case.files), lambda _: None, case.services.log_key.public) == {}


def test_a_log_before_this_one(tmp_path: Path) -> None:
    """A batch in the log before has no bundle, and one with its place there beside the new log's checkpoint is refused."""
    config, clock = Config(data=tmp_path / "data"), FakeClock()
    with contextlib.closing(Services.over_folder(config, clock)) as services:
        history = History(services)
        history.batch(device := history.device("line-0"))
    rotate_log(config, None)
    with contextlib.closing(Services.over_folder(config, clock)) as services:
        history = History(services, [device])
        history.batch(device)
        case = Case(services, history, make_evidence(services, "line-0"))
        files, log = case.files, services.log_key.public
        old, new = (name for name in sorted(files) if name.startswith("batches/"))
        assert bundles_in(files) == [bundle_of(new)]
        assert log_of(files).detail.endswith(" leaves in 1 logs before it; 1 Sigstore bundles")
        (past,) = (name for name in files if name.startswith("log/past/") and name.endswith("proofs.ndjson"))
        made = sigstore_bundle(files | {PROOFS: files[past]}, old, device.key.public, log)
        refused(case, {bundle_of(old): made + b"\n"}, bundle_of(old), NOT_OF_A_BATCH)


def test_bundles_up_to_a_limit(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more batches than there may be bundles, each device's newest and then the newest have one, and it holds."""
    one, two = (device.dev for device in case.history.devices[:2])
    for most, numbers in ((1, {two: [0]}), (2, {two: [0], one: [2]}), (3, {two: [0], one: [1, 2]})):
        monkeypatch.setattr("collector.evidence.enclosed.MOST_BUNDLES", most)
        files = Case(case.services, case.history, make_evidence(case.services, "line-0")).files
        wanted = [f"{BUNDLES}{dev}/{number:08d}.sigstore.json" for dev, some in numbers.items() for number in some]
        assert bundles_in(files) == sorted(wanted)
        assert {name for name in files if name.endswith("/key.pem")} == {f"{BUNDLES}{dev}/key.pem" for dev in numbers}
        assert log_of(files).detail.endswith(f"; {most} Sigstore bundles")


@given(
    st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from(["batches", "batches", "removed"])), max_size=40),
    st.integers(0, 12),
)
def test_which_they_are(entries: list[tuple[str, str]], most: int) -> None:
    """Only batches; never more than the limit; no device's newest while another's newer one is missing; then the newest of all."""
    leaves = {f"{folder}/{dev}/{number:08d}.ndjson": number for number, (dev, folder) in enumerate(entries)}
    batches = [name for name in leaves if name.startswith("batches/")]
    firsts = list({name.split("/")[1]: name for name in batches}.values())
    chosen = newest_of(leaves, most)
    assert len(chosen) == len(set(chosen)) == min(most, len(batches))
    by_age = sorted(firsts, key=lambda name: -leaves[name])
    assert chosen[: len(firsts)] == by_age[:most]
    rest = sorted(set(batches) - set(firsts), key=lambda name: -leaves[name])
    assert chosen[len(firsts) :] == rest[: max(0, most - len(firsts))]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_by_hand(case: Case, tmp_path: Path) -> None:
    """What README.txt says of one bundle is done as it stands there, by openssl alone, and refuses another key."""
    with zipfile.ZipFile(io.BytesIO(case.zipped)) as archive:
        archive.extractall(tmp_path)
    text = (tmp_path / "README.txt").read_text()
    words = text.partition("One of them by hand")[2].partition("\n\n")[2].partition("\n\n")[0]
    lines = [line.strip() for line in words.splitlines()]
    one, other = (device.dev for device in case.history.devices[:2])
    done = by_hand(lines, tmp_path, one)
    assert (done.returncode, "Verified OK" in done.stdout) == (0, True), done
    shutil.copy(tmp_path / BUNDLES / other / "key.pem", tmp_path / BUNDLES / one / "key.pem")
    assert by_hand(lines, tmp_path, one).returncode != 0


def by_hand(lines: list[str], folder: Path, dev: str) -> "subprocess.CompletedProcess[str]":
    """Run these lines for the first batch of a device."""
    script = "\n".join(lines).replace("DEV", dev).replace("NUMBER", "00000000")
    return subprocess.run(("sh", "-c", script), cwd=folder, capture_output=True, text=True, check=False)
