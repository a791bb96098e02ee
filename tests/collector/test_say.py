"""What the command line tells of a case, in lines for people."""

from typing import Any

import pytest

from collector import say


def case_of(grades: list[dict[str, Any]]) -> dict[str, Any]:
    """A case as the desk's command gives it, with nothing in it but these grades."""
    verdict = {
        "criterion": "short", "version": "1", "provenance": "signed", "verdict": "insufficient_evidence",
        "words": "Too little.", "findings": [],
    }  # fmt: skip
    told = {"subscriber": "anna", "verdicts": [verdict], "counts": {}, "complaints": [], "alarms": []}
    return told | {"grades": grades}


def test_who_vouches_for_the_transfers(capsys: pytest.CaptureFixture[str]) -> None:
    """Of transfers it is told how many both ends signed; without transfers nothing is."""
    say.case(case_of([{"direction": "up", "grade": "one_sided", "reason": "unknown_peer", "n": 2}]))
    assert "0 of 2 transfers. By the device only: 2 × signed by a server that is not trusted here." in (
        capsys.readouterr().out
    )
    say.case(case_of([]))
    assert "transfers" not in capsys.readouterr().out
