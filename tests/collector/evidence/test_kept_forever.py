"""Evidence that was made at any time verifies for ever: the files in tests/vectors/evidence, each with what its reader was told."""

import json
from pathlib import Path

import pytest

from collector.evidence.archive import NotEvidence, read_archive
from collector.evidence.check import check_evidence
from collector.evidence.logged import Trust

FOLDER = Path(__file__).resolve().parents[2] / "vectors" / "evidence"
KEPT = sorted(FOLDER.glob("*.zip"))


@pytest.mark.parametrize("file", KEPT, ids=lambda file: file.stem)
def test_it_holds(file: Path) -> None:
    """Each holds by itself, for whoever was told its keys, and for whoever was told those that its collector had first."""
    told, files = json.loads(file.with_suffix(".json").read_text()), read_archive(file.read_bytes())
    for trust in (
        Trust(),
        Trust(told["collector"], told["log"]),
        Trust(told["first_collector"], told["first_log"]),
    ):
        steps = check_evidence(files, trust)
        assert steps[-1].holds, steps[-1]


@pytest.mark.parametrize("file", KEPT, ids=lambda file: file.stem)
def test_and_nothing_else(file: Path) -> None:
    """A changed byte in any member is still found, and other keys are still not its own."""
    files = read_archive(file.read_bytes())
    for name, data in files.items():
        place = len(data) // 2
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        try:
            steps = check_evidence({**files, name: changed})
        except NotEvidence:
            continue
        assert not steps[-1].holds, name
    assert not check_evidence(files, Trust("0" * 64))[-1].holds


def test_some_are_kept() -> None:
    """There is one of the format as it was first, one with every key followed by another, and one with bundles, the log followed."""
    assert {file.stem for file in KEPT} >= {"0.1.0-a", "0.1.0-b", "0.1.0-c"}
    bundled = [file.stem for file in KEPT if any("sigstore.json" in name for name in read_archive(file.read_bytes()))]
    assert bundled == ["0.1.0-c"]
