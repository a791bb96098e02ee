"""Evidence over logs that followed each other, to the program and to the page alike: what holds, and each thing that does not."""

import json
from pathlib import Path

import pytest

from collector.evidence.archive import read_archive
from collector.evidence.check import check_evidence
from collector.evidence.logged import VKEY, Trust
from collector.evidence.pastlogs import past_logs
from collector.log.key import LogKey
from shared.note import NoteKey

FILE = Path(__file__).resolve().parents[2] / "vectors" / "evidence" / "0.1.0-b.zip"
FILES = read_archive(FILE.read_bytes())
TOLD = json.loads(FILE.with_suffix(".json").read_text())
NEWEST = NoteKey.from_vkey(FILES[VKEY].decode())
OVER = past_logs(FILES, NEWEST)


@pytest.mark.parametrize("number", range(4))
def test_who_was_told_which_log(number: int) -> None:
    """Whoever was told one of the logs is led to the newest, and is told how many have followed; nobody else is."""
    vkeys = [*(one.old.vkey for one in OVER), NEWEST.vkey]
    assert (len(OVER), TOLD["first_log"]) == (2, vkeys[0])
    vkey = vkeys[number] if number < len(vkeys) else LogKey.generate().public.vkey
    last = {step.name: step for step in check_evidence(FILES, Trust(vkey=vkey))}["log"]
    assert last.holds == (vkey in vkeys)
    words = "as you were told" if vkey == NEWEST.vkey else f"the log that you were told, number {2 - number} since"
    assert (words if last.holds else "does not lead to it") in last.detail
