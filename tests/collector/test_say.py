"""What the command line tells of a case, in lines for people."""

from typing import Any

import pytest

from collector import say_case


def case_of(grades: list[dict[str, Any]]) -> dict[str, Any]:
    """A case as the desk's command gives it, with nothing in it but these grades."""
    verdict = {
        "criterion": "short", "version": "1", "provenance": "signed", "verdict": "insufficient_evidence",
        "words": "Too little.", "findings": [],
    }  # fmt: skip
    told = {"subscriber": "anna", "verdicts": [verdict], "counts": {}, "complaints": [], "alarms": []}
    return told | {"grades": grades, "presence": [], "time_zone": "Europe/Prague"}


def test_who_vouches_for_the_transfers(capsys: pytest.CaptureFixture[str]) -> None:
    """Of transfers it is told how many both ends signed; without transfers nothing is."""
    say_case.case(case_of([{"direction": "up", "grade": "one_sided", "reason": "unknown_peer", "n": 2}]))
    assert "0 of 2 transfers. By the device only: 2 × signed by a server that is not trusted here." in (
        capsys.readouterr().out
    )
    say_case.case(case_of([]))
    assert "transfers" not in capsys.readouterr().out


def test_when_the_probe_was_not_measuring(capsys: pytest.CaptureFixture[str]) -> None:
    """Of each device it is told what its slots were, and the newest interruptions with their moments and lengths."""
    hour_us, from_us = 3_600_000_000, 1_795_345_200_000_000
    stretches = [
        {
            "stand": stand,
            "from_us": from_us + n * hour_us,
            "to_us": from_us + (n + 1) * hour_us,
            "slots": 4,
            "detail": detail,
        }
        for n, (stand, detail) in enumerate([("off", "reboot"), ("measured", None), *[("failed", "eof_error")] * 5])
    ]
    view = {"dev": "ab" * 32, "slot_s": 900, "stretches": stretches, "slots": {"off": 4, "measured": 4, "failed": 20}}
    say_case.case(case_of([]) | {"presence": [view]})
    told = capsys.readouterr().out.splitlines()
    assert "  device abababab: Of 28 slots of 15 min: 4 measured, 20 failed otherwise (5 h), 4 probe off (1 h)." in told
    assert told[-6] == (
        "    22 Nov 2026, 18:00 (Europe/Prague), 1 h: Failed otherwise: the transfer ended before everything had arrived"
    )
    assert told[-1] == "    and 1 earlier one"


def test_a_campaign_is_named_with_how_many_were_tried(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever judges by a window that was fixed beforehand says whose it was."""
    told = case_of([])
    finding = {"direction": "down", "samples_rejected": [], "campaign": "si-2019.2", "windows_looked_at": 2}
    told["verdicts"][0]["findings"] = [finding, finding | {"campaign": None}]
    say_case.case(told)
    out = capsys.readouterr().out
    assert out.count("campaign") == 1
    assert "down: campaign si-2019.2, fixed beforehand; 2 tried" in out
