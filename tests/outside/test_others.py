"""What we sign, log and prove, before verifiers of others: each accepts ours and refuses every change, and so do we.

`securesystemslib` (DSSE), `pymerkle` (roots), `sigstore` for Python (checkpoint and place of a bundle's entry), `rfc3161-client`
(tokens), `aics-tlog` and Go's `sumdb/note` and `sumdb/tlog` (notes, quorum, inclusion, consistency). Trees, places and changes are
drawn, many in one call; the same seed each time.
"""

import copy
import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fakes.device import Device, download
from fakes.notary import WITNESSES
from fakes.outside import Case, ask_go, ask_python
from fakes.tsa import Tsa

from collector.log.key import LogKey
from shared.bundle import Bundle, Proof, check_bundle, write_bundle
from shared.checkpoint import open_checkpoint
from shared.dsse import b64, b64_exact, read_envelope
from shared.errors import Malformed
from shared.keys import FileKey
from shared.leaf import leaf_of
from shared.note import Note, NoteKey, read_note, sign
from shared.strictjson import encode
from shared.tree import Edge, check_consistency, check_inclusion, consistency, inclusion, leaf_hash, root_of

SEED = 20261122
SIZES = (1, 2, 3, 5, 8, 21, 64)
Change = Callable[[random.Random, Case], object]


@dataclass
class Tree:
    """Leaves and every proof about them."""

    leaves: list[bytes]
    edges: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def node(self, level: int, index: int) -> bytes:
        """The hash of a complete subtree."""
        edge = Edge()
        for leaf in self.leaves[index << level : (index + 1) << level]:
            edge.append(leaf_hash(leaf))
        return edge.root()

    def root(self, size: int) -> bytes:
        """The root of the first so many leaves."""
        return root_of(self.node, size)

    def inclusions(self) -> Iterator[Case]:
        """Some leaves' places in some of its trees."""
        for size in SIZES:
            for index in sorted({0, size // 2, size - 1}):
                hashes = [b64(one) for one in inclusion(self.node, index, size)]
                yield {
                    "leaf": b64(self.leaves[index]),
                    "index": index,
                    "size": size,
                    "hashes": hashes,
                    "root": b64(self.root(size)),
                }

    def consistencies(self) -> Iterator[Case]:
        """Some of its trees in others."""
        for old in SIZES:
            for new in SIZES:
                if old <= new:
                    hashes = [b64(one) for one in consistency(self.node, old, new)]
                    roots = {"old_root": b64(self.root(old)), "new_root": b64(self.root(new))}
                    yield {"old": old, "new": new, "hashes": hashes, **roots}


@pytest.fixture(scope="module")
def tree() -> Tree:
    """Leaves of batches that a device really signed."""
    device, leaves = Device(FileKey.generate()), []
    for _ in range(max(SIZES)):
        envelope = read_envelope(device.next(download()).partition(b"\n")[0])
        leaves.append(leaf_of(envelope.pae_sha256, envelope.signature, device.key.public.spki))
    return Tree(leaves)


def flip(chance: random.Random, case: Case, name: str) -> None:
    """Flip one bit of a member that is base64."""
    data = bytearray(b64_exact(case[name]))
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    case[name] = b64(bytes(data))


def flip_hash(chance: random.Random, case: Case) -> None:
    """Flip one bit of one hash of a proof; without any, add one."""
    if not case["hashes"]:
        case["hashes"].append(b64(chance.randbytes(32)))
        return
    place = chance.randrange(len(case["hashes"]))
    one = {"hash": case["hashes"][place]}
    flip(chance, one, "hash")
    case["hashes"][place] = one["hash"]


def shorten(chance: random.Random, case: Case) -> None:
    """Leave one hash of a proof out; without any, add one."""
    if case["hashes"]:
        case["hashes"].pop(chance.randrange(len(case["hashes"])))
    else:
        case["hashes"].append(b64(chance.randbytes(32)))


def lengthen(chance: random.Random, case: Case) -> None:
    """Put one hash more into a proof, at its end."""
    case["hashes"].append(b64(chance.randbytes(32)))


INCLUSION_CHANGES: dict[str, Change] = {
    "leaf": lambda chance, case: flip(chance, case, "leaf"),
    "root": lambda chance, case: flip(chance, case, "root"),
    "hash": flip_hash,
    "a hash less": shorten,
    "a hash more": lengthen,
    "index": lambda chance, case: case.update(index=case["index"] + 1),
    "below all": lambda chance, case: case.update(index=-1),
}
CONSISTENCY_CHANGES: dict[str, Change] = {
    "old root": lambda chance, case: flip(chance, case, "old_root"),
    "new root": lambda chance, case: flip(chance, case, "new_root"),
    "hash": flip_hash,
    "a hash less": shorten,
    "a hash more": lengthen,
    "roots swapped": lambda chance, case: case.update(old_root=case["new_root"], new_root=case["old_root"]),
    "another old size": lambda chance, case: case.update(old=case["old"] + 1),
}


def changed(cases: list[Case], changes: dict[str, Change]) -> list[Case]:
    """Every case with each change that really changes it."""
    chance, found = random.Random(SEED), []
    for case in cases:
        for name, change in changes.items():
            other = copy.deepcopy(case)
            change(chance, other)
            if other != case:
                found.append({**other, "change": name})
    return found


def ours(check: Callable[[], object]) -> bool:
    """Whether we accept it."""
    try:
        check()
    except Malformed:
        return False
    return True


def our_inclusion(case: Case) -> bool:
    """What we say of a place."""
    proof, leaf = [b64_exact(one) for one in case["hashes"]], leaf_hash(b64_exact(case["leaf"]))
    return ours(lambda: check_inclusion(leaf, case["index"], case["size"], proof, b64_exact(case["root"])))


def our_consistency(case: Case) -> bool:
    """What we say of two trees."""
    proof, roots = (
        [b64_exact(one) for one in case["hashes"]],
        [b64_exact(case[name]) for name in ("old_root", "new_root")],
    )
    return ours(lambda: check_consistency(case["old"], case["new"], proof, *roots))


def refused(cases: list[Case], said: list[str]) -> list[str]:
    """The changes that were accepted: none may be."""
    return [f"{case['change']}: {case}" for case, one in zip(cases, said, strict=True) if one == "ok"]


ASKED: dict[str, tuple[str, Callable[[list[Case]], list[str]]]] = {
    "aics-tlog": ("aics-tlog ", ask_python),
    "go": ("", ask_go),
}


@pytest.mark.threat("T13")
@pytest.mark.parametrize("tool", ASKED)
def test_proofs(tree: Tree, tool: str) -> None:
    """Every place and every growth of our trees is accepted, and none with one thing changed: by them as by us."""
    prefix, ask = ASKED[tool]
    for kind, cases, changes, we in (
        ("inclusion", list(tree.inclusions()), INCLUSION_CHANGES, our_inclusion),
        ("consistency", list(tree.consistencies()), CONSISTENCY_CHANGES, our_consistency),
    ):
        assert all(we(case) for case in cases)
        assert set(ask([{**case, "tool": prefix + kind} for case in cases])) == {"ok"}
        others = changed(cases, changes)
        assert len(others) > 100
        assert not [case for case in others if we(case)]
        assert refused(others, ask([{**case, "tool": prefix + kind} for case in others])) == []


def test_roots(tree: Tree) -> None:
    """The roots that pymerkle comes to are ours, for every size, and others with a bit of one leaf, a leaf or two leaves changed."""
    chance, good, bad = random.Random(SEED), list[Case](), list[Case]()
    for size in (*range(1, 20), 63, 64):
        leaves = tree.leaves[:size]
        case: Case = {"tool": "pymerkle", "leaves": [b64(leaf) for leaf in leaves], "root": b64(tree.root(size))}
        good.append(case)
        one, place = bytearray(leaves[chance.randrange(size)]), chance.randrange(size)
        one[chance.randrange(len(one))] ^= 1
        bad.append({**case, "leaves": [*case["leaves"][:place], b64(bytes(one)), *case["leaves"][place + 1 :]]})
        bad.append({**case, "leaves": case["leaves"][:-1]})
        bad.append({**case, "leaves": [*case["leaves"], case["leaves"][-1]]})
        if size > 1:
            bad.append({**case, "leaves": case["leaves"][::-1]})
    assert set(ask_python(good)) == {"ok"}
    assert "ok" not in ask_python(bad)


LOG = LogKey.generate("log2026.example.net")


def note_case(text_of: bytes, key: NoteKey = LOG.public) -> Case:
    """A note to be opened."""
    return {"note": text_of.decode(), "vkey": key.vkey}


def bad_notes(note: bytes) -> Iterator[Case]:
    """Every way in which a note is not what was signed."""
    chance = random.Random(SEED)
    text, signature = read_note(note).text, read_note(note).signatures[0]
    for _ in range(60):
        data = bytearray(note)
        place = chance.randrange(len(text))
        data[place] ^= 1
        if data != note:
            yield {**note_case(note), "note": data.decode("utf-8", "replace"), "change": f"byte {place}"}
    for place in range(4, len(signature.blob), 5):
        blob = bytearray(signature.blob)
        blob[place] ^= 1
        yield {
            **note_case(Note(text, (type(signature)(signature.name, bytes(blob)),)).data),
            "change": f"signature {place}",
        }
    yield {**note_case(note, LogKey.generate("log2026.example.net").public), "change": "another key"}
    yield {**note_case(note, LogKey.generate("other.example.net").public), "change": "another log"}
    yield {**note_case(Note(text, (sign(text, WITNESSES[0], 1),)).data), "change": "a witness alone"}
    yield {**note_case(note), "note": text, "change": "no signature"}


@pytest.mark.parametrize("tool", ASKED)
def test_notes(tree: Tree, tool: str) -> None:
    """A checkpoint is opened as it is, also with cosignatures they do not know, and not with a byte of it changed."""
    prefix, ask = ASKED[tool]
    notes = [LOG.checkpoint(size, tree.root(size)) for size in SIZES]
    with_more = read_note(notes[-1])
    notes.append(Note(with_more.text, (*with_more.signatures, sign(with_more.text, WITNESSES[0], 1_800_000_000))).data)
    assert set(ask([{**note_case(note), "tool": f"{prefix}note"} for note in notes])) == {"ok"}
    bad = list(bad_notes(notes[-2]))
    assert not [
        case
        for case in bad
        if ours(lambda case=case: open_checkpoint(case["note"].encode(), NoteKey.from_vkey(case["vkey"])))
    ]  # type: ignore[misc]
    assert refused(bad, ask([{**case, "tool": f"{prefix}note"} for case in bad])) == []


@pytest.mark.threat("T14")
def test_a_quorum(tree: Tree) -> None:
    """T14: aics-tlog counts cosignatures as we do: as many as are asked for, of those who are trusted, none that does not fit."""
    note = read_note(LOG.checkpoint(64, tree.root(64)))
    vkeys = [one.public.vkey for one in WITNESSES]
    signed = [sign(note.text, one, 1_800_000_000) for one in WITNESSES]
    wrong = sign(note.text.replace("64", "63"), WITNESSES[1], 1_800_000_000)
    table = [
        (signed, vkeys, 3, True), (signed[:2], vkeys, 2, True), (signed[:2], vkeys, 3, False), ([], vkeys, 1, False),
        (signed[:1], vkeys[1:], 1, False), ([signed[0], wrong], vkeys, 1, False), ([signed[0], signed[0]], vkeys, 2, False),
    ]  # fmt: skip
    cases: list[Case] = []
    for signatures, known, quorum, holds in table:
        data = Note(note.text, (*note.signatures, *signatures)).data
        cases.append(
            {**note_case(data), "tool": "aics-tlog note", "witnesses": known, "quorum": quorum, "holds": holds}
        )
        if signatures != [signed[0], signed[0]]:  # a line twice: they refuse the note, we count it once
            assert our_quorum(data, known, quorum) == holds
    assert [one == "ok" for one in ask_python(cases)] == [case["holds"] for case in cases]


def our_quorum(data: bytes, known: list[str], quorum: int) -> bool:
    """Whether we find one."""
    try:
        return (
            open_checkpoint(data, LOG.public, [NoteKey.from_vkey(one) for one in known]).by_quorum_s(quorum) is not None
        )
    except Malformed:
        return False


@dataclass(frozen=True)
class Signed:
    """A batch in a log, its bundle as JSON, and who signed."""

    bundle: dict[str, Any]
    device: Device


@pytest.fixture(scope="module")
def signed(tree: Tree) -> Signed:
    """A batch as the last of 21 leaves."""
    device = Device(FileKey.generate())
    envelope = read_envelope(device.next(download()).partition(b"\n")[0])
    leaf = leaf_of(envelope.pae_sha256, envelope.signature, device.key.public.spki)
    grown = Tree([*tree.leaves[:20], leaf])
    root = grown.root(21)
    proof = Proof(20, 21, root, tuple(inclusion(grown.node, 20, 21)), LOG.checkpoint(21, root))
    bundle = Bundle(envelope, leaf, LOG.public.whole_id, proof)
    check_bundle(bundle, device.key.public, LOG.public)
    return Signed(json.loads(write_bundle(bundle, encode)), device)


@pytest.mark.threat("T7")
def test_envelopes(signed: Signed) -> None:
    """T7: securesystemslib accepts the envelope of a batch, and refuses it with any change of payload, type, signature or key."""
    envelope, key = signed.bundle["dsseEnvelope"], signed.device.key
    case: Case = {
        "tool": "securesystemslib", "envelope": envelope, "keyid": key.public.key_id, "pem": key.public.to_pem().decode()
    }  # fmt: skip
    assert ask_python([case]) == ["ok"]
    chance, bad = random.Random(SEED), list[Case]()
    for _ in range(40):
        other = copy.deepcopy(case)
        flip(chance, other["envelope"], "payload")
        bad.append({**other, "change": "payload"})
        other = copy.deepcopy(case)
        flip(chance, other["envelope"]["signatures"][0], "sig")
        bad.append({**other, "change": "signature"})
    bad.append({**case, "envelope": {**envelope, "payloadType": "application/json"}, "change": "type"})
    bad.append({**case, "envelope": {**envelope, "signatures": []}, "change": "no signature"})
    bad.append({**case, "pem": FileKey.generate().public.to_pem().decode(), "change": "another key"})
    bad.append({**case, "keyid": "0" * 64, "change": "another key's id"})
    assert refused(bad, ask_python(bad)) == []


def test_entries(signed: Signed) -> None:
    """What sigstore for Python accepts: checkpoint and place in our bundle, not with one thing changed, nor by another log's key."""
    entry = signed.bundle["verificationMaterial"]["tlogEntries"][0]
    spki = bytes.fromhex("302a300506032b6570032100")
    case: Case = {"tool": "sigstore", "entry": entry, "spki": b64(spki + LOG.public.key)}
    assert ask_python([case]) == ["ok"]
    chance, bad = random.Random(SEED), list[Case]()
    for name in ("canonicalizedBody", "rootHash", "hash", "checkpoint", "logIndex", "treeSize"):
        for _ in range(8):
            other = copy.deepcopy(case)
            one = other["entry"]
            proof = one["inclusionProof"]
            match name:
                case "canonicalizedBody":
                    flip(chance, one, name)
                case "rootHash":
                    flip(chance, proof, name)
                case "hash":
                    flip_hash(chance, proof)
                case "checkpoint":
                    note = proof["checkpoint"]["envelope"]
                    place = chance.randrange(note.index("\n\n"))
                    proof["checkpoint"]["envelope"] = note[:place] + chr(ord(note[place]) ^ 1) + note[place + 1 :]
                case "logIndex":
                    proof[name] = str(chance.randrange(20))
                case "treeSize":  # the proof of the last leaf is that of another place in most other trees
                    proof[name] = str(chance.choice((22, 23, 24, 30, 64)))
            bad.append({**other, "change": name})
    bad.append({**case, "spki": b64(spki + LogKey.generate("log2026.example.net").public.key), "change": "another key"})
    assert refused(bad, ask_python(bad)) == []


def test_tokens(tmp_path: Path) -> None:
    """rfc3161-client accepts a token that openssl made, over its bytes and by its root alone."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    tsa, other = Tsa.begin(tmp_path / "tsa"), Tsa.begin(tmp_path / "other")
    pem = (tsa.folder / "ca.pem").read_text()
    case: Case = {"tool": "rfc3161-client", "token": b64(tsa.stamp(b"hello")), "data": b64(b"hello"), "pem": pem}
    bad: list[Case] = [
        {**case, "data": b64(b"hellp")},
        {**case, "pem": (other.folder / "ca.pem").read_text()},
        {**case, "token": b64(other.stamp(b"hello"))},
        {**case, "token": b64(tsa.stamp(b"hellp"))},
    ]
    assert ask_python([case, *bad])[0] == "ok"
    assert "ok" not in ask_python(bad)
