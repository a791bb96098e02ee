"""Hypothesis strategies, one per type: JSON in the profile, records, batches, chains; and bytes gone wrong.

They know the format's limits, not its checks: what a strategy makes is good unless its name says otherwise.
The keys are TEST ONLY and fixed, so that an example found once fails again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import strategies as st

from shared.batch import FIRST_PREV, Sealing, pae_sha256_of, seal_batch
from shared.errors import UnknownKey
from shared.keys import FileKey, PublicKey
from shared.record import LOST, End, write_record
from shared.strictjson import MAX_INTEGER, Json, JsonObject


def key_of_scalar(scalar: int) -> FileKey:
    """The P-256 key with this private number. TEST ONLY."""
    pem = ec.derive_private_key(scalar, ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return FileKey.from_pem(pem)


DEVICE = key_of_scalar(0xDE51CE)
OTHER_DEVICE = key_of_scalar(0x07E4)
COLLECTOR = key_of_scalar(0xC0113C)
PORTAL = key_of_scalar(0x90)


def ring(*keys: FileKey) -> Callable[[str], PublicKey]:
    """The `key_of` of a collector that enrolled exactly these keys."""
    known = {key.public.key_id: key.public for key in keys}

    def key_of(key_id: str) -> PublicKey:
        if key_id not in known:
            raise UnknownKey(3, "nobody enrolled this key")
        return known[key_id]

    return key_of


json_integers = st.integers(-MAX_INTEGER, MAX_INTEGER)
json_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
json_keys = st.text(st.characters(max_codepoint=127), max_size=10)
json_values: st.SearchStrategy[Json] = st.recursive(
    json_integers | st.booleans() | json_texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(json_keys, inner, max_size=4),
    max_leaves=10,
)
json_objects: st.SearchStrategy[JsonObject] = st.dictionaries(json_keys, json_values, max_size=5)

rtts_us = st.lists(st.just(LOST) | st.integers(0, 10_000_000), max_size=20)


@dataclass(frozen=True, slots=True)
class Series:
    """Sample times (µs) and the bytes that had arrived by then; neither ever goes back."""

    times: tuple[int, ...]
    counts: tuple[int, ...]


@st.composite
def series(draw: st.DrawFn) -> Series:
    """Series of one sample or more, two at one moment included."""
    steps = draw(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**8)), min_size=1, max_size=12))
    times = tuple(sum(us for us, _ in steps[: end + 1]) for end in range(len(steps)))
    counts = tuple(sum(count for _, count in steps[: end + 1]) for end in range(len(steps)))
    return Series(times, counts)


@st.composite
def record_members(draw: st.DrawFn, seq: int) -> JsonObject:
    """The members of one record with this number, members nobody knows among them."""
    rising: st.SearchStrategy[Json] = st.lists(st.integers(0, 10**9), max_size=6).map(lambda ns: [*sorted(ns)])
    known: dict[str, st.SearchStrategy[Json]] = {
        "bytes": rising,
        "dur_us": st.integers(0, 10**8),
        "end": st.sampled_from([end.value for end in End]),
        "flaws": st.lists(json_texts, max_size=2).map(list),
        "method": st.sampled_from(["download", "upload", "latency", "fetch"]),
        "received_bytes": st.integers(0, 10**10),
        "rtt_us": rtts_us.map(list),
        "slot": st.integers(0, 10**8),
        "t_us": rising,
    }
    members = dict(draw(json_objects))
    members.update(draw(st.fixed_dictionaries({}, optional=known)))
    members["seq"] = seq
    return members


@st.composite
def record_lines(draw: st.DrawFn, seq: int = 0) -> bytes:
    """One record with its LF."""
    return write_record(draw(record_members(seq)))


@dataclass(frozen=True, slots=True)
class Link:
    """One batch of a chain and the records it was sealed from."""

    body: bytes
    lines: tuple[bytes, ...]
    sealing: Sealing


@st.composite
def chains(draw: st.DrawFn, signer: FileKey = DEVICE, least: int = 1, most: int = 4) -> Sequence[Link]:
    """A device's first batches in order, sequence numbers used up in between among them."""
    made: list[Link] = []
    prev, seq = FIRST_PREV, 0
    for number in range(draw(st.integers(least, most))):
        steps = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
        numbers = [seq - 1 + sum(steps[: end + 1]) for end in range(len(steps))]
        last = numbers[-1] + draw(st.integers(0, 2))
        sealing = Sealing(
            agent=draw(json_texts),
            batch=number,
            boot=draw(json_texts),
            prev=prev,
            first_seq=seq,
            last_seq=last,
            sealed_mono_us=draw(st.integers(0, MAX_INTEGER)),
            sealed_wall_us=draw(st.integers(0, MAX_INTEGER)),
        )
        lines = tuple(draw(record_lines(number)) for number in numbers)
        body = seal_batch(lines, sealing, signer)
        made.append(Link(body, lines, sealing))
        prev, seq = pae_sha256_of(body), last + 1
    return made


def batches(signer: FileKey = DEVICE) -> st.SearchStrategy[Link]:
    """The first batch of a device."""
    return chains(signer, 1, 1).map(lambda links: links[0])


@st.composite
def mangled(draw: st.DrawFn, good: st.SearchStrategy[bytes]) -> bytes:
    """Good bytes after one to three cuts, each replaced by any few bytes; now and then unharmed."""
    data = draw(good)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        stop = draw(st.integers(start, min(len(data), start + 8)))
        data = data[:start] + draw(st.binary(max_size=4)) + data[stop:]
    return data


def wild(good: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Any bytes at all, or good ones mangled: what a stranger sends."""
    return st.binary(max_size=200) | mangled(good)
