"""One verdict (T19): whatever is done to a signature, a key, a note or a proof, program and page make the same of it."""

import base64
import contextlib
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from fakes.case import Case
from fakes.scripted import NEEDS_NODE, Scripts, told_alike, words
from fakes.witness import FakeWitness
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import DEVICE

from collector.log.key import LogKey
from shared.checkpoint import open_checkpoint
from shared.errors import Malformed
from shared.keys import PublicKey
from shared.kpi import rate_bps
from shared.note import NoteKey, read_note, sign
from shared.record import read_record, write_record
from shared.tree import check_consistency, check_inclusion, consistency, leaf_hash, node_hash, root_of

pytestmark = [NEEDS_NODE, pytest.mark.threat("T19")]
ANY = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256 (SEC 2, 2.4.2)
MESSAGE = b"what was signed"
KEY = DEVICE.public


def edited(data: bytes, pieces: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Bytes with a few places written over, cut out or put in."""

    def apply(edits: list[tuple[int, int, bytes]]) -> bytes:
        out = data
        for place, cut, put in edits:
            out = out[:place] + put + out[place + cut :]
        return out

    return st.lists(st.tuples(st.integers(0, len(data)), st.integers(0, 2), pieces), max_size=3).map(apply)


def outcome(read: Callable[[], object]) -> str:
    """What comes of it here: nothing, or the reason."""
    try:
        read()
    except Malformed as error:
        return words(str(error))
    return "ok"


def outcome_on_page(told: dict[str, Any]) -> str:
    """What comes of it on the page."""
    return "ok" if "ok" in told else words(told["malformed"])


def der_integer(number: int, zeros: int = 0) -> bytes:
    """An INTEGER, with needless zeros before it if wanted."""
    size = max(1, (number.bit_length() + 8) // 8)
    data = bytes(zeros) + number.to_bytes(size, "big")
    return b"\x02" + bytes([len(data)]) + data


@st.composite
def signatures(draw: st.DrawFn) -> bytes:
    """Signatures of MESSAGE in right and wrong spellings, and what only looks like one."""
    real = DEVICE.sign(MESSAGE)
    length = real[3]
    r, s = int.from_bytes(real[4 : 4 + length], "big"), int.from_bytes(real[6 + length :], "big")
    r, s = draw(
        st.sampled_from([(r, s), (r, ORDER - s), (r, s + ORDER), (0, s), (r, 0), (s, r), (r, ORDER), (2**256 + r, s)])
    )
    body = der_integer(r, draw(st.sampled_from([0, 0, 0, 1]))) + der_integer(s, draw(st.sampled_from([0, 0, 0, 1])))
    head = draw(
        st.sampled_from(
            [b"\x30" + bytes([len(body)]), b"\x30\x81" + bytes([len(body)]), b"\x30\x80", b"\x31" + bytes([len(body)])]
        )
    )
    whole = head + body + draw(st.sampled_from([b"", b"", b"\x00", b"\x00\x00"]))
    raw = st.just((r % 2**256).to_bytes(32, "big") + (s % 2**256).to_bytes(32, "big"))
    return draw(st.just(whole) | edited(whole, st.binary(max_size=2)) | edited(real, st.binary(max_size=2)) | raw)


@ANY
@given(signatures())
def test_any_signature(node: Scripts, signature: bytes) -> None:
    """Strict DER with a high or a low s fits for both, and nothing else does."""
    told = node.ask("verify", spki=KEY.spki, sig=signature, message=MESSAGE)
    assert outcome_on_page(told) == outcome(lambda: KEY.verify(signature, MESSAGE))


def test_both_halves_of_a_signature(node: Scripts) -> None:
    """(r, n − s) is as good as (r, s), to both: so no signature is anybody's identity."""
    real = DEVICE.sign(MESSAGE)
    length = real[3]
    r, s = int.from_bytes(real[4 : 4 + length], "big"), int.from_bytes(real[6 + length :], "big")
    for one in (s, ORDER - s):
        body = der_integer(r) + der_integer(one)
        told = node.ask("verify", spki=KEY.spki, sig=b"\x30" + bytes([len(body)]) + body, message=MESSAGE)
        assert told == {"ok": "fits"}


@ANY
@given(edited(KEY.to_pem(), st.sampled_from([b" ", b"\n", b"\x0b", b"=", b"A", b"-", b"\xff", b"\r\n", b"\x00"])))
def test_any_key_file(node: Scripts, pem: bytes) -> None:
    """A key file is the same key to both, or none."""
    told = node.ask("pem", data=pem)
    assert outcome_on_page(told) == outcome(lambda: PublicKey.from_pem(pem))
    if "ok" in told:
        assert told["ok"] == PublicKey.from_pem(pem).key_id


@ANY
@given(st.integers(0, 2**256 - 1), st.integers(0, 2**256 - 1), st.booleans())
def test_any_point(node: Scripts, x: int, y: int, is_real: bool) -> None:
    """A point off the curve is no key to either."""
    spki = KEY.spki[:-64] + (KEY.spki[-64:] if is_real else x.to_bytes(32, "big") + y.to_bytes(32, "big"))
    pem = b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(spki) + b"\n-----END PUBLIC KEY-----\n"
    assert outcome_on_page(node.ask("pem", data=pem)) == outcome(lambda: PublicKey.from_pem(pem))


LOG, WITNESS = LogKey.generate(), FakeWitness(0)
NOTE = read_note(LOG.checkpoint(23, hashlib.sha256(b"root").digest()))
COSIGNED = type(NOTE)(NOTE.text, (*NOTE.signatures, sign(NOTE.text, WITNESS.notary, 1_800_000_000))).data
PIECES = [
    b"\n",
    b"\n\n",
    b" ",
    b"+",
    b"=",
    b"0",
    b"1",
    b"\x00",
    b"\xff",
    "—".encode(),
    "\u2028".encode(),
    "\ufeff".encode(),
    b"A",
    b"\t",
    "\u0085".encode(),
]


@ANY
@given(edited(COSIGNED, st.sampled_from(PIECES) | st.binary(max_size=1)), st.booleans())
def test_any_checkpoint(node: Scripts, note: bytes, is_witnessed: bool) -> None:
    """A note is the same checkpoint to both, cosigned by the same at the same time, or refused for the same reason."""
    log, witnesses = LOG.public, [WITNESS.notary.public] if is_witnessed else []
    told = node.ask("checkpoint", data=note, vkey=log.vkey, witnesses=[one.vkey for one in witnesses])
    assert outcome_on_page(told) == outcome(lambda: open_checkpoint(note, log, witnesses))
    with contextlib.suppress(Malformed):
        found = open_checkpoint(note, log, witnesses)
        one = found.checkpoint
        assert told["ok"] == [
            one.origin,
            one.size,
            one.root.hex(),
            [[name, time_s] for name, time_s in found.cosigned_s.items()],
        ]


@ANY
@given(
    st.sampled_from([LOG.public.vkey, WITNESS.notary.public.vkey]).flatmap(
        lambda vkey: edited(vkey.encode(), st.sampled_from(PIECES))
    )
)
def test_any_vkey(node: Scripts, spelt: bytes) -> None:
    """A key's spelling for people is the same key to both, or none."""
    vkey = spelt.decode("utf-8", "replace")
    assert outcome_on_page(node.ask("vkey", text=vkey)) == outcome(lambda: NoteKey.from_vkey(vkey))


@ANY
@given(st.integers(1, 40), st.data())
def test_any_proof(node: Scripts, size: int, data: st.DataObject) -> None:
    """A proof of inclusion holds for both or for neither, whatever was done to it."""
    leaves = [leaf_hash(bytes([number])) for number in range(size)]

    def root(some: list[bytes]) -> bytes:
        if len(some) == 1:
            return some[0]
        half = 1 << ((len(some) - 1).bit_length() - 1)
        return node_hash(root(some[:half]), root(some[half:]))

    def path(index: int, some: list[bytes]) -> list[bytes]:
        if len(some) == 1:
            return []
        half = 1 << ((len(some) - 1).bit_length() - 1)
        if index < half:
            return [*path(index, some[:half]), root(some[half:])]
        return [*path(index - half, some[half:]), root(some[:half])]

    index = data.draw(st.integers(0, size - 1))
    proof = path(index, leaves)
    told_index = data.draw(st.just(index) | st.integers(0, size + 1))
    told_size = data.draw(st.just(size) | st.integers(0, 45) | st.sampled_from([2**32, 2**53 - 1]))
    change = data.draw(st.sampled_from(["none", "none", "cut", "more", "swap", "short"]))
    changed = {
        "none": proof,
        "cut": proof[:-1],
        "more": [*proof, leaves[0]],
        "swap": proof[::-1],
        "short": [one[:31] for one in proof],
    }[change]
    told = node.ask("inclusion", leaf=leaves[index], index=told_index, size=told_size, proof=changed, root=root(leaves))
    assert outcome_on_page(told) == outcome(
        lambda: check_inclusion(leaves[index], told_index, told_size, changed, root(leaves))
    )


def hash_of(level: int, index: int) -> bytes:
    """A subtree's hash, of leaves that are numbers."""
    if level == 0:
        return leaf_hash(bytes([index]))
    return node_hash(hash_of(level - 1, 2 * index), hash_of(level - 1, 2 * index + 1))


@ANY
@given(st.integers(0, 40), st.integers(1, 40), st.data())
def test_any_proof_of_growth(node: Scripts, one: int, other: int, data: st.DataObject) -> None:
    """A proof that a tree begins with another holds for both or for neither, whatever was done to it."""
    old, new = sorted((one, other))
    proof = consistency(hash_of, old, new) if old else []
    told_old, told_new = data.draw(st.just((old, new)) | st.tuples(st.integers(0, 45), st.integers(0, 45)))
    changed = data.draw(
        st.sampled_from(
            [
                proof,
                proof[:-1],
                proof[1:],
                [*proof, bytes(32)],
                proof[::-1],
                [one[:31] for one in proof],
                [bytes(32)] * 66,
            ]
        )
    )
    roots = [root_of(hash_of, size) for size in data.draw(st.just((old, new)) | st.just((new, old)))]
    told = node.ask("consistency", old=told_old, size=told_new, proof=changed, oldRoot=roots[0], root=roots[1])
    assert outcome_on_page(told) == outcome(lambda: check_consistency(told_old, told_new, changed, *roots))


AMOUNTS = st.integers(-1, 9) | st.integers(0, 10**7) | st.sampled_from([2**53 - 1, -(2**53) + 1])
ROWS = st.lists(AMOUNTS, max_size=4) | st.lists(AMOUNTS, max_size=4).map(sorted)
MEMBERS = {"warm_us": AMOUNTS, "until_us": AMOUNTS}
SERIES = {"t_us": ROWS, "bytes": ROWS, "held_bytes": ROWS}
FLOWS = {name: st.lists(ROWS, max_size=2) for name in ("flow_t_us", "flow_bytes", "flow_held_bytes")}


@ANY
@given(
    st.fixed_dictionaries({"received_bytes": AMOUNTS, "dur_us": AMOUNTS}, optional=MEMBERS | SERIES | FLOWS)
    | st.fixed_dictionaries({"received_bytes": AMOUNTS, "dur_us": AMOUNTS} | SERIES, optional=MEMBERS)
)
def test_any_rate(node: Scripts, members: dict[str, Any]) -> None:
    """The rate of a transfer is the same figure to both, or none."""
    line = write_record(members | {"seq": 1, "end": "ok"}).removesuffix(b"\n")
    rate = rate_bps(read_record(line))
    assert node.ask("rate", record=line)["ok"] == ("null" if rate is None else str(rate))


@ANY
@given(st.integers(0, 10**7) | st.integers(0, 10**4).map(lambda n: n / 40) | st.floats(0, 1e9), st.integers(0, 1))
def test_any_figure(node: Scripts, value: float, digits: int) -> None:
    """Figures are rounded alike, those in the middle between two to the even one."""
    assert node.ask("fixed", value=value, digits=digits)["ok"] == f"{value:.{digits}f}"


@ANY
@given(st.data())
def test_any_mended_evidence(case: Case, node: Scripts, data: st.DataObject) -> None:
    """Evidence with a few bytes of any member changed, and a manifest made to fit by the collector, is told of alike."""
    files = case.files
    name = data.draw(
        st.sampled_from(sorted(one for one in files if not one.startswith(("manifest", "verify", "imports"))))
    )
    pieces = st.sampled_from([b"0", b"1", b'"', b"}", b",", b"\n", b"a", b"A", b"=", b"-", b"null", b" "]) | st.binary(
        max_size=1
    )
    told_alike(node, case.signed_anew(files | {name: data.draw(edited(files[name], pieces))}))


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ({"collector": "A" * 64}, "64 digits"),
        ({"vkey": "nowhere"}, "the log's key is name+id+key"),
        ({"witnesses": f"{LOG.public.vkey}\nx"}, "a witness's key is name+id+key"),
        ({"quorum": "1"}, "from 1 to 0"),
        ({"witnesses": LOG.public.vkey, "quorum": "2"}, "from 1 to 1"),
        ({"witnesses": LOG.public.vkey, "quorum": "0"}, "from 1 to 1"),
        ({"witnesses": LOG.public.vkey, "quorum": "1.5"}, "from 1 to 1"),
    ],
)
def test_what_is_typed_wrongly(node: Scripts, typed: dict[str, str], why: str) -> None:
    """A key or a number that is none is said to be none, before anything is checked with it."""
    assert why in node.ask("trust", **typed)["malformed"]


def test_what_is_typed(node: Scripts) -> None:
    """Spaces and line feeds around keys mean nothing; without a number all witnesses are asked for."""
    one, other = LOG.public.vkey, WITNESS.notary.public.vkey
    told = node.ask(
        "trust", collector=f" {'a' * 64}\n", vkey=f"{one}\n", witnesses=f"{one}\n {other} \n{one}", quorum=""
    )["ok"]
    assert told == {"collector": "a" * 64, "vkey": one, "witnesses": [one, other], "quorum": 2}
    assert node.ask("trust")["ok"] == {"collector": None, "vkey": None, "witnesses": [], "quorum": 1}
