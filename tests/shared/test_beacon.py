"""Beacons: what a witness cosigned proves itself, and nothing else passes for it (T5)."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.notary import LOG, WITNESSES, checkpoint_note
from hypothesis import given
from hypothesis import strategies as st

from shared import strictjson
from shared.beacon import Beacon, beacon_of, read_beacon
from shared.checkpoint import Checkpoint
from shared.dsse import b64_exact, read_envelope
from shared.errors import Malformed
from shared.note import COSIGNATURE, NoteKey, WrongNote
from shared.strictjson import JsonObject

CHECKPOINT = Checkpoint(LOG.name, 11, bytes(range(32)))
NOTE = checkpoint_note(CHECKPOINT, 1_795_310_570, 1_795_310_600)
WITNESS = WITNESSES[0].public
BEACON = beacon_of(NOTE.data, LOG.public, WITNESS, mono_us=88)
SHARED = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "integrity"


def test_it_proves_itself() -> None:
    """Read back from its spelling it is the same, and the witness's."""
    read = read_beacon(strictjson.decode(strictjson.encode(BEACON.fields)))
    assert read == BEACON
    assert (read.t_s, read.checkpoint, len(read.cosig)) == (1_795_310_570, CHECKPOINT, 76)
    read.check(WITNESS)
    assert read.witness_in([WITNESSES[1].public, WITNESS]) == WITNESS
    assert read.witness_in([WITNESSES[1].public]) is None
    assert "mono_us" not in beacon_of(NOTE.data, LOG.public, WITNESS).fields


@pytest.mark.threat("T5")
@pytest.mark.parametrize(
    "change",
    [
        {"t_s": 1_795_310_569},
        {"size": 12},
        {"size": 0},
        {"origin": "log2025.speedproof.example"},
        {"root": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
    ],
)
def test_another_time_or_tree(change: JsonObject) -> None:
    """T5: an old time with a new root, or the reverse, is no beacon."""
    with pytest.raises(WrongNote):
        read_beacon(BEACON.fields | change).check(WITNESS)


@given(st.integers(0, 76 * 8 - 1))
def test_every_bit_of_the_cosignature_counts(bit: int) -> None:
    """One flipped bit, in the id, the time or the signature, and it is not this witness's for this."""
    cosig = bytearray(BEACON.cosig)
    cosig[bit // 8] ^= 1 << bit % 8
    with pytest.raises(WrongNote):
        Beacon(CHECKPOINT, BEACON.t_s, bytes(cosig)).check(WITNESS)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: 7,
        lambda _: None,
        lambda told: told | {"cosig": "AAAA"},
        lambda told: told | {"cosig": 7},
        lambda told: told | {"root": "AAAA"},
        lambda told: told | {"size": "11"},
        lambda told: told | {"size": -1},
        lambda told: told | {"origin": 7},
        lambda told: told | {"origin": "log.example\n11"},
        lambda told: told | {"origin": f"log.example\n11\n{told['root']}\nmore"},
        lambda told: told | {"origin": ""},
        lambda told: told | {"mono_us": "x"},
        lambda told: {name: value for name, value in told.items() if name != "t_s"},
    ],
)
def test_what_is_none(spoil: Callable[[JsonObject], object]) -> None:
    """Any other shape is refused."""
    with pytest.raises(Malformed):
        read_beacon(spoil(BEACON.fields))


def test_what_makes_none() -> None:
    """A checkpoint that this witness has not cosigned, another log's, or one with further lines."""
    with pytest.raises(WrongNote, match="has not cosigned"):
        beacon_of(NOTE.data, LOG.public, WITNESSES[2].public)
    with pytest.raises(WrongNote):
        beacon_of(NOTE.data, NoteKey.of("other.example", LOG.type, LOG.public.key), WITNESS)
    more = checkpoint_note(Checkpoint(LOG.name, 11, bytes(32), ("more",)), 5)
    with pytest.raises(Malformed, match="further lines"):
        beacon_of(more.data, LOG.public, WITNESS)


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/vectors/integrity is not here")
def test_the_golden_batch() -> None:
    """The beacon of the golden batch is read, spelt the same, and its witness's."""
    golden = json.loads((SHARED / "golden.json").read_text())
    body = (SHARED / "batch-2.ndjson").read_bytes()
    told = strictjson.decode(read_envelope(body.partition(b"\n")[0]).payload)["predicate"]
    assert isinstance(told, dict)
    beacon = read_beacon(told["beacon"])
    assert beacon.fields == told["beacon"]
    keys = [NoteKey.from_vkey(vkey) for vkey in _vkeys(golden)]
    witness = beacon.witness_in([key for key in keys if key.type == COSIGNATURE])
    assert witness is not None
    beacon.check(witness)
    assert b64_exact(told["beacon"]["cosig"]) == beacon.cosig


def _vkeys(golden: object) -> list[str]:
    """Every text in the golden numbers that is a vkey."""
    match golden:
        case dict():
            return [vkey for one in golden.values() for vkey in _vkeys(one)]
        case list():
            return [vkey for one in golden for vkey in _vkeys(one)]
        case str() if golden.count("+") >= 2 and " " not in golden:
            try:
                return [NoteKey.from_vkey(golden).vkey]
            except Malformed:
                return []
    return []
