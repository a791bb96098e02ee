"""Evidence with time-stamps: whoever trusts the authority sees by when what was there, and a token for anything else fails."""

import contextlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import pytest
from fakes.case import Case, Files
from fakes.clock import FakeClock
from fakes.device import download
from fakes.history import History
from fakes.stamping import stamping
from fakes.tsa import Tsa
from fakes.witness import FakeWitness, serving
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.config import Config
from collector.evidence.__main__ import main
from collector.evidence.bundle import make_evidence
from collector.evidence.check import Step, check_evidence, steps_of
from collector.evidence.enclosed import ROOT, enclosed_in
from collector.evidence.found import Found
from collector.evidence.logged import CHECKPOINT, PROOFS, Trust, bundle_of
from collector.evidence.sigstore import TRUSTED_ROOT, taken_out
from collector.evidence.stamped import ROOTS, STAMPS, TOKENS, sigstore_bundle, stamps_in, tokens_in
from collector.log import stamps as stamps_module
from collector.log.growth import Growth
from collector.log.key import Witness
from collector.services import Services
from shared.bundle import check_bundle, read_bundle, write_bundle
from shared.checkpoint import open_checkpoint
from shared.dsse import b64, b64_exact
from shared.errors import Malformed
from shared.keys import PublicKey
from shared.note import Note, read_note
from shared.timestamp import check_token, read_roots
from shared.tree import Edge

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
pytest.importorskip("rfc3161_client", reason="the extra tsa is not installed")
QUARTER_US = 900_000_000


@dataclass(frozen=True)
class Stamped:
    """A case, and whom a reader may trust."""

    case: Case
    tsa: Tsa
    roots: bytes
    witness: str
    vkey: str

    def trust(self, *, tsa: bool = True, witness: bool = False) -> Trust:
        """The log's key, and one of the two clocks or both."""
        return Trust(
            vkey=self.vkey, witnesses=(self.witness,) if witness else (), tsa_roots=self.roots if tsa else None
        )


@pytest.fixture(scope="module")
def stamped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stamped]:
    """The case of `line-0`: its log stamped at three moments and cosigned at the last, its newest batch stamped by itself."""
    folder = tmp_path_factory.mktemp("x")
    with contextlib.ExitStack() as opened:
        there = opened.enter_context(stamping(Tsa.begin(folder / "tsa")))
        witness = opened.enter_context(serving(FakeWitness()))
        asked = Witness(witness.url, witness.notary.public)
        config = Config(data=folder / "data", witness=(asked,), tsa=there.url, tsa_roots=there.roots)
        clock = FakeClock()
        services = opened.enter_context(contextlib.closing(Services.over_folder(config, clock)))
        witness.logs[services.log_key.public.name] = services.log_key.public
        history = History(services)
        history.eventful()
        for _ in range(2):
            services.indexer.catch_up()
            assert services.publisher.holds(services.publisher.files.size - 1, 20) is not None
            clock.advance(QUARTER_US)
            services.stamps.go_round()
            history.batch(history.devices[0], download(slot=50), download(end="failed", failure="eof_error"))
        services.indexer.catch_up()
        services.witnesses.go_round()
        services.stamps.start()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stamps_module, "FIRST_S", 600.0)
            zipped = make_evidence(services, "line-0")
        case = Case(services, history, zipped)
        yield Stamped(case, there.tsa, there.roots.read_bytes(), asked.key.vkey, services.log_key.public.vkey)


def step(steps: list[Step], name: str = "time-stamps") -> Step:
    """How it went."""
    return next(one for one in steps if one.name == name)


def lines(files: Files, name: str) -> list[dict[str, object]]:
    """The lines of a member."""
    return [json.loads(line) for line in files[name].splitlines()]


def spelt(told: list[dict[str, object]]) -> bytes:
    """Lines as a member has them."""
    return b"".join(
        json.dumps(one, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n" for one in told
    )


def test_what_is_in_it(stamped: Stamped) -> None:
    """Checkpoints of growing trees, the last with all leaves; a token of the newest batch; the certificates: all of it holds."""
    files = stamped.case.files
    steps = check_evidence(files, stamped.trust(witness=True))
    assert all(one.holds for one in steps), steps[-1]
    log = stamped.case.services.log_key.public
    whole = open_checkpoint(files[CHECKPOINT], log).checkpoint
    marks = stamps_in(files, log, whole, read_roots(stamped.roots))
    assert len(marks) == 3
    assert [size for size, _ in marks] == sorted(size for size, _ in marks)
    assert marks[-1][0] == whole.size
    newest = max(name for name in files if name.startswith(f"batches/{stamped.case.history.devices[0].dev}"))
    assert list(tokens_in(files, read_roots(stamped.roots))) == [newest]
    assert f"the last one of {whole.size} of its leaves, there by 20" in step(steps).detail
    assert files[ROOTS] == stamped.roots


def test_openssl_says_the_same(stamped: Stamped) -> None:
    """The tokens are those of RFC 3161: openssl verifies each over the text of its note, and over the signature."""
    files, tsa = stamped.case.files, stamped.tsa
    for told in lines(files, STAMPS):
        (tsa.folder / "text").write_text(read_note(str(told["note"]).encode()).text)
        (tsa.folder / "token.tsr").write_bytes(b64_exact(told["token"]))  # type: ignore[arg-type]
        tsa.openssl("ts", "-verify", "-data", "text", "-in", "token.tsr", "-CAfile", "ca.pem")


def test_whom_a_reader_trusts(stamped: Stamped, tmp_path: Path) -> None:
    """Nobody: it is said. Another authority: it fails. None in the file though one was named: it fails."""
    files = stamped.case.files
    assert step(check_evidence(files, Trust())).detail == "4 time-stamps, by no authority that you named"
    other = (Tsa.begin(tmp_path / "other").folder / "ca.pem").read_bytes()
    last = check_evidence(files, Trust(tsa_roots=other))[-1]
    assert (last.name, last.holds, last.detail.startswith(f"{STAMPS}: line 1")) == ("time-stamps", False, True)
    without = stamped.case.signed_anew(
        {name: data for name, data in stamped.case.unbundled.items() if name not in (STAMPS, TOKENS, ROOTS)}
    )
    assert step(check_evidence(without, Trust())).detail == "no time-stamps"
    last = check_evidence(without, stamped.trust())[-1]
    assert (last.name, last.holds) == ("time-stamps", False)


def test_without_the_extra(stamped: Stamped, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the package is not installed the step fails by its name for whoever asked for it, and holds for others."""
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    last = check_evidence(stamped.case.files, stamped.trust())[-1]
    assert (last.name, last.holds) == ("time-stamps", False)
    assert "pip install 'speedproof[tsa]'" in last.detail
    assert step(check_evidence(stamped.case.files, Trust())).holds


def _flip(text: str, place: int) -> str:
    data = bytearray(b64_exact(text))
    data[place] ^= 1
    return b64(bytes(data))


def _swap(told: list[dict[str, object]]) -> None:
    told[0]["token"], told[1]["token"] = told[1]["token"], told[0]["token"]


def _set(told: list[dict[str, object]], name: str, value: object) -> None:
    told[0][name] = value


CHANGES: dict[str, tuple[str, Callable[[list[dict[str, object]]], object]]] = {
    "tokens swapped": (STAMPS, _swap),
    "a bit of the token": (STAMPS, lambda told: _set(told, "token", _flip(str(told[0]["token"]), 120))),
    "a bit of a hash": (STAMPS, lambda told: _set(told, "hashes", [_flip(told[0]["hashes"][0], 3)])),  # type: ignore[index]
    "a hash less": (STAMPS, lambda told: told[0]["hashes"].pop()),  # type: ignore[attr-defined]
    "a hash more": (STAMPS, lambda told: told[0]["hashes"].append("A" * 43 + "=")),  # type: ignore[attr-defined]
    "no hashes": (STAMPS, lambda told: told[0].pop("hashes")),
    "no token": (STAMPS, lambda told: told[0].pop("token")),
    "no note": (STAMPS, lambda told: told[0].pop("note")),
    "another's note": (STAMPS, lambda told: _set(told, "note", told[1]["note"])),
    "a note's size": (STAMPS, lambda told: _set(told, "note", str(told[0]["note"]).replace("\n1", "\n2", 1))),
    "a token for another file": (TOKENS, lambda told: _set(told, "of", "case.json")),
    "a token for a file that is not here": (TOKENS, lambda told: _set(told, "of", "batches/x/00000000.ndjson")),
    "a file twice": (TOKENS, lambda told: told.append(told[0])),
    "a token of a checkpoint": (TOKENS, lambda told: _set(told, "token", "AAAA")),
    "a token and no file": (TOKENS, lambda told: told[0].pop("of")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_anything_changed(stamped: Stamped, change: str) -> None:
    """One thing changed and the manifest signed anew: refused at this step, the line named, for whoever trusts the authority."""
    files = stamped.case.unbundled
    name, make = CHANGES[change]
    told = lines(files, name)
    make(told)
    last = check_evidence(stamped.case.signed_anew(files | {name: spelt(told)}), stamped.trust())[-1]
    assert (last.name, last.holds) == ("time-stamps", False)
    assert f"{name}: line" in last.detail


@settings(max_examples=40)
@given(st.sampled_from((STAMPS, TOKENS)), st.binary(max_size=60), st.booleans())
def test_any_bytes(stamped: Stamped, name: str, data: bytes, trusts: bool) -> None:
    """Whatever stands where time-stamps do, the step fails by name, be there an authority to believe or not."""
    files = stamped.case.signed_anew(stamped.case.unbundled | {name: data + b"\n"})
    last = check_evidence(files, stamped.trust(tsa=trusts))[-1]
    assert (last.name, last.holds, last.detail.startswith(f"{name}: line")) == ("time-stamps", False, True)


def test_lines_that_do_not_end(stamped: Stamped) -> None:
    """A member that is cut off is no shorter one."""
    files = stamped.case.unbundled
    cut = stamped.case.signed_anew(files | {STAMPS: files[STAMPS][:-1]})
    assert "does not end" in check_evidence(cut, stamped.trust())[-1].detail


def test_a_token_of_another_batch(stamped: Stamped) -> None:
    """T5: the token of one batch says nothing of another, older one."""
    files = stamped.case.unbundled
    told = lines(files, TOKENS)
    older = min(name for name in files if name.startswith("batches/"))
    told[0]["of"] = older
    last = check_evidence(stamped.case.signed_anew(files | {TOKENS: spelt(told)}), stamped.trust())[-1]
    assert (last.name, last.holds) == ("time-stamps", False)


@pytest.mark.threat("T22")
def test_either_clock_can_be_taken_away(stamped: Stamped) -> None:
    """T22: without the time-stamps it holds by the witness, without the cosignatures by the authority; who asks for both sees it."""
    files, case = stamped.case.unbundled, stamped.case
    by_witness = case.signed_anew({name: data for name, data in files.items() if name not in (STAMPS, TOKENS, ROOTS)})
    assert all(one.holds for one in check_evidence(by_witness, stamped.trust(tsa=False, witness=True)))
    bare = {name: data for name, data in files.items() if name not in ("log/times.ndjson", "log/witnesses")}
    note = read_note(files[CHECKPOINT])
    assert len(note.signatures) == 2
    bare[CHECKPOINT] = Note(note.text, note.signatures[:1]).data
    told = lines(files, STAMPS)
    for one in told:
        with_all = read_note(str(one["note"]).encode())
        one["note"] = Note(with_all.text, with_all.signatures[:1]).data.decode()
    bare[STAMPS] = spelt(told)
    by_authority = case.signed_anew(bare)
    assert all(one.holds for one in check_evidence(by_authority, stamped.trust()))
    for less in (by_witness, by_authority):
        assert not all(one.holds for one in check_evidence(less, stamped.trust(witness=True)))


@pytest.mark.threat("T22")
def test_a_stolen_log_key(stamped: Stamped) -> None:
    """T22: whoever has the log's key can sign another tree, without the newest batch; the tokens are of the one there was."""
    case, services = stamped.case, stamped.case.services
    files = case.without_newest()
    hashes = [services.publisher.files.node(0, index) for index in range(services.publisher.files.size - 1)]
    grown = Growth(Edge(), hashes)
    forged = services.log_key.checkpoint(len(hashes), grown.root())
    told = lines(files, PROOFS)
    for one in told:
        one["hashes"] = [b64(node) for node in grown.proof(int(str(one["index"])))]
    files |= {CHECKPOINT: forged, PROOFS: spelt(told)}
    del files[TOKENS]
    steps = check_evidence(case.signed_anew(files), stamped.trust())
    assert step(steps, "log").holds  # the key is the right one, after all
    assert (steps[-1].name, steps[-1].holds) == ("time-stamps", False)


def test_a_bundle_of_it(stamped: Stamped) -> None:
    """A batch becomes a Sigstore bundle with its token, which our own check takes."""
    files, services = stamped.case.files, stamped.case.services
    device, log = stamped.case.history.devices[0], services.log_key.public
    name = str(lines(files, TOKENS)[0]["of"])
    bundle = read_bundle(sigstore_bundle(files, name, device.key.public, log))
    check_bundle(bundle, device.key.public, log)
    assert check_token(bundle.tokens[0], sha256(bundle.envelope.signature).digest(), read_roots(stamped.roots))


def test_as_a_command(stamped: Stamped, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--tsa-roots` names the file with the certificates; one that holds none is refused."""
    (tmp_path / "e.zip").write_bytes(stamped.case.zipped)
    (tmp_path / "ca.pem").write_bytes(stamped.roots)
    assert main([str(tmp_path / "e.zip"), "--tsa-roots", str(tmp_path / "ca.pem")]) == 0
    assert "the authority that you named has stamped 3 checkpoints" in capsys.readouterr().out
    assert main([str(tmp_path / "e.zip"), "--tsa-roots", str(tmp_path / "e.zip")]) == 2
    assert main([str(tmp_path / "e.zip"), "--tsa-roots", str(tmp_path / "none")]) == 2
    assert "--tsa-roots" in capsys.readouterr().out


def test_bundles_for_others(stamped: Stamped, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--bundles` writes each batch's, its device's key, and a root of trust from what the reader named; only of what holds."""
    (tmp_path / "e.zip").write_bytes(stamped.case.zipped)
    (tmp_path / "ca.pem").write_bytes(stamped.roots)
    words = [str(tmp_path / "e.zip"), "--tsa-roots", str(tmp_path / "ca.pem"), "--log-key", stamped.vkey, "--json"]
    out = tmp_path / "out"
    assert main([*words, "--bundles", str(out)]) == 0
    batches = [name for name in stamped.case.files if name.startswith("batches/")]
    assert json.loads(capsys.readouterr().out)["bundles"] == len(batches)
    log = stamped.case.services.log_key.public
    for device in stamped.case.history.devices[:2]:
        assert PublicKey.from_pem((out / device.dev / "key.pem").read_bytes()) == device.key.public
        for file in (out / device.dev).glob("*.sigstore.json"):
            check_bundle(read_bundle(file.read_bytes()[:-1]), device.key.public, log)
    root = json.loads((out / TRUSTED_ROOT).read_bytes())
    assert root["tlogs"][0]["logId"]["keyId"] == b64(log.whole_id)
    (authority,) = root["timestampAuthorities"]
    assert [b64_exact(one["rawBytes"]) for one in authority["certChain"]["certificates"]] == stamped.tsa.certificates()
    assert main([*words, "--bundles", str(out)]) == 2  # not into what is there already
    assert main([words[0], "--bundles", str(tmp_path / "less")]) == 0
    assert not (tmp_path / "less" / TRUSTED_ROOT).exists()
    other = FakeWitness(7).notary.public.vkey
    assert main([*words, "--witness", other, "--bundles", str(tmp_path / "no")]) == 1
    assert not (tmp_path / "no").exists()


def test_bundles_in_the_zip(stamped: Stamped) -> None:
    """The newest batch's own bundle has its token, and the root of trust the chain of whoever made it, the root last."""
    files = stamped.case.files
    batch = str(lines(files, TOKENS)[0]["of"])
    with_token = [name for name in files if name.endswith(".sigstore.json") and b"signedTimestamp" in files[name]]
    assert with_token == [bundle_of(batch)]
    (token,) = read_bundle(files[bundle_of(batch)][:-1]).tokens
    assert b64(token) == lines(files, TOKENS)[0]["token"]
    (authority,) = json.loads(files[ROOT])["timestampAuthorities"]
    assert [b64_exact(one["rawBytes"]) for one in authority["certChain"]["certificates"]] == stamped.tsa.certificates()


def test_other_tokens_in_bundles(stamped: Stamped, tmp_path: Path) -> None:
    """A bundle with another token than its batch's, or none, is refused, and so is a chain of which a certificate is nowhere else."""
    case, files = stamped.case, stamped.case.files
    name = bundle_of(str(lines(files, TOKENS)[0]["of"]))
    bundle, root = read_bundle(files[name][:-1]), json.loads(files[ROOT])
    other = Tsa.begin(tmp_path / "other")
    for tokens in ((), (other.stamp(bundle.envelope.signature),), bundle.tokens * 2):
        changed = files | {name: write_bundle(replace(bundle, tokens=tokens)) + b"\n"}
        assert failing_at_the_log(case, changed).startswith(f"{name}: not what the batch")
    told = lines(files, TOKENS)
    told[0]["token"] = b64(other.stamp(bundle.envelope.signature))
    assert failing_at_the_log(case, files | {TOKENS: spelt(told)}).startswith(f"{name}: not what the batch")
    certificates = root["timestampAuthorities"][0]["certChain"]["certificates"]
    for place, one in enumerate(other.certificates()):
        was, certificates[place] = certificates[place], {"rawBytes": b64(one)}
        assert failing_at_the_log(case, files | {ROOT: spelt([root])}).startswith(
            f"{ROOT}: a certificate that is in no"
        )
        certificates[place] = was
    without_roots = {one: data for one, data in files.items() if one != ROOTS}
    assert failing_at_the_log(case, without_roots).startswith(f"{ROOT}: a certificate that is in no")


def failing_at_the_log(case: Case, files: Files) -> str:
    """Why, once the collector has signed it as it is."""
    last = check_evidence(case.signed_anew(files), Trust())[-1]
    assert (last.no, last.name, last.holds) == (12, "log", False)
    return last.detail


def test_roots_that_are_no_help(stamped: Stamped, monkeypatch: pytest.MonkeyPatch) -> None:
    """Certificates that cannot be read, or in another place than in the file, or no package to read tokens: a root of trust without."""
    files, log = stamped.case.unbundled, stamped.case.services.log_key.public
    devices = {device.dev: device.key.public for device in stamped.case.history.devices}
    leaves = {str(told["of"]): int(str(told["index"])) for told in lines(files, PROOFS)}

    def authorities(files: Files) -> int:
        made = enclosed_in(files, leaves, devices.get, log)
        assert step(check_evidence(stamped.case.signed_anew(files | made)), "log").holds
        return len(json.loads(made[ROOT])["timestampAuthorities"])

    assert authorities(files) == 1
    assert authorities({name: data for name, data in files.items() if name != ROOTS}) == 0
    assert authorities(files | {ROOTS: b"none"}) == 0
    assert authorities({name: data for name, data in files.items() if name != TOKENS}) == 0
    with monkeypatch.context() as patch:
        patch.setattr("collector.evidence.enclosed.MOST_ROOT_BYTES", 1000)
        assert len(json.loads(enclosed_in(files, leaves, devices.get, log)[ROOT])["timestampAuthorities"]) == 0
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    assert authorities(files) == 0


def test_bundles_of_what_has_none(stamped: Stamped, tmp_path: Path) -> None:
    """Evidence without a log has none, and that is said; a batch without a proof is passed over."""
    files = {name: data for name, data in stamped.case.unbundled.items() if not name.startswith("log/")}
    without = Found(stamped.case.signed_anew(files), Trust())
    assert all(one.holds for one in steps_of(without))
    with pytest.raises(Malformed, match="without a log"):
        taken_out(without)
    files = stamped.case.unbundled
    files[PROOFS] = files[PROOFS].split(b"\n", 1)[1]
    fewer = Found(stamped.case.signed_anew(files), Trust())
    assert all(one.holds for one in steps_of(fewer))
    batches = sum(name.startswith("batches/") for name in files)
    assert sum(name.endswith(".sigstore.json") for name in taken_out(fewer)) == batches - 1
