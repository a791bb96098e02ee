"""What of the evidence goes with a report."""

import hashlib
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from collector.evidence.archive import read_archive
from collector.report.attached import MOST_BYTES, PART, WHOLE, evidence_within, newest_batches


def noise(name: str, size: int) -> bytes:
    """Bytes that no packing makes shorter."""
    return b"".join(hashlib.sha256(f"{name} {number}".encode()).digest() for number in range(size // 32 + 1))[:size]


def members(batches: dict[str, int], size: int = 900) -> dict[str, bytes]:
    """An evidence file of so many batches of each device."""
    made = {
        "case.json": b"{}",
        "keys/collector.pem": b"k",
        "log/checkpoint": b"c",
        "log/proofs.ndjson": noise("p", 5000),
    }
    made["log/past/old/proofs.ndjson"] = noise("q", 5000)
    for dev, count in batches.items():
        for number in range(count):
            made[f"batches/{dev}/{number:08d}.ndjson"] = noise(f"{dev}{number}", size)
            made[f"receipts/{dev}/{number:08d}.json"] = noise(f"r{dev}{number}", 60)
            made[f"bundles/{dev}/{number:08d}.sigstore.json"] = noise(f"b{dev}{number}", 90)
    return made | {"manifest.json": json.dumps(sorted(made)).encode(), "manifest.dsse.json": b"s"}


def test_what_is_small_goes_whole() -> None:
    """A small evidence file is attached as it is."""
    evidence, attached = evidence_within(given_ := members({"a": 3, "b": 1}))
    assert (evidence.name, attached, read_archive(evidence.data)) == (WHOLE, len(given_) - 2, given_)


@settings(deadline=None, max_examples=40)
@given(st.dictionaries(st.sampled_from("abc"), st.integers(1, 40), min_size=1), st.integers(9_000, 60_000))
def test_a_part_fits_and_holds_the_newest(batches: dict[str, int], most_bytes: int) -> None:
    """Never longer than it may be; with everything but the many; of each device the newest batches, each with its receipt."""
    evidence, attached = evidence_within(all_of := members(batches), most_bytes)
    found = read_archive(evidence.data)
    assert len(evidence.data) <= most_bytes
    assert found.items() <= all_of.items()
    assert (evidence.name == WHOLE) == (found == all_of)
    assert attached == len(found) - 2
    if evidence.name == PART:
        assert {"case.json", "keys/collector.pem", "log/checkpoint", "manifest.json", "manifest.dsse.json"} <= set(
            found
        )
        assert not any(name.endswith("proofs.ndjson") or name.startswith("bundles/") for name in found)
        for dev, count in batches.items():
            numbers = sorted(int(name[10:18]) for name in found if name.startswith(f"batches/{dev}"))
            assert numbers == list(range(count - len(numbers), count))
            assert all(f"receipts/{dev}/{number:08d}.json" in found for number in numbers)


def test_the_newest_batch_of_each_device_has_a_bundle() -> None:
    """Of at most four devices."""
    assert newest_batches(members({"a": 12, "b": 1})) == ["batches/a/00000011.ndjson", "batches/b/00000000.ndjson"]
    assert len(newest_batches(members(dict.fromkeys("abcdefg", 1)))) == 4
    assert MOST_BYTES < 2_000_000
