"""`speedproof-verify FILE`, an evidence file or a report: 0 it holds, 1 a step fails (named), 2 it is neither.

3: everything in a report holds, but only a part of the evidence is in it, and the rest was not given.
"""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from collector.evidence.archive import MAX_TOTAL_BYTES, NotEvidence, read_archive
from collector.evidence.check import Step, steps_of
from collector.evidence.found import Found
from collector.evidence.logged import Trust
from collector.evidence.report import BEGINNING, MAX_BYTES, certificates, check_report
from collector.evidence.sigstore import taken_out
from shared.errors import Malformed, NoTool
from shared.keys import PublicKey
from shared.note import NoteKey
from shared.timestamp import read_roots

HOLDS, FAILS, NOT_EVIDENCE, IN_PART = 0, 1, 2, 3


def main(argv: list[str] | None = None) -> int:
    """Check one file and say how each step went."""
    parser = argparse.ArgumentParser(
        prog="speedproof-verify",
        description="Check a speedproof evidence file or report offline. Exit code 0: holds; 1: a step fails; 2: not evidence; "
        "3: a report holds, and the evidence it speaks of is not whole in it.",
    )
    parser.add_argument(
        "file", type=Path, help="the evidence file (.zip), or the report (.pdf; needs speedproof[report])"
    )
    parser.add_argument(
        "--collector-key",
        metavar="KEY",
        help="the collector's key as you were told it elsewhere: 64 hex digits, or a PEM file",
    )
    parser.add_argument(
        "--log-key",
        metavar="VKEY",
        help="the key of the collector's log as you were told it elsewhere: name+id+key, or a file that holds it",
    )
    parser.add_argument(
        "--witness",
        metavar="VKEY",
        action="append",
        default=[],
        help="the key of a witness you trust, who must have cosigned the log (name+id+key, or a file); may be given again",
    )
    parser.add_argument("--quorum", type=int, metavar="N", help="so many of these witnesses will do (default: all)")
    parser.add_argument(
        "--tsa-roots",
        type=Path,
        metavar="PEM",
        help="certificates of the authority whose time-stamps you trust (needs speedproof[tsa])",
    )
    parser.add_argument(
        "--kept",
        type=Path,
        metavar="ZIP",
        help="what the customer kept (speedproof-probe export): none of it may be missing",
    )
    parser.add_argument(
        "--bundles",
        type=Path,
        metavar="DIR",
        help="if it holds, write each batch's Sigstore bundle there, for verifiers of others (a new folder)",
    )
    parser.add_argument("--evidence", type=Path, metavar="ZIP", help="of a report: the evidence file it speaks of")
    parser.add_argument(
        "--report-roots", type=Path, metavar="PEM", help="of a report: certificates below which its own has to be"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    options = parser.parse_args(argv)
    try:
        trust = _trust(options)
        if options.file.stat().st_size > MAX_TOTAL_BYTES:
            raise NotEvidence("larger than evidence ever is")
        data, kept = options.file.read_bytes(), _zip_of(options.kept)
        if data.startswith(BEGINNING):
            return _report(options, data, trust, kept)
        if options.evidence is not None or options.report_roots is not None:
            raise NotEvidence("--evidence and --report-roots are of a report (PDF), which this is not")
        found = Found(read_archive(data), trust, kept)
        steps = steps_of(found)
        holds = all(step.holds for step in steps)
        written = _write_bundles(found, options.bundles) if holds and options.bundles is not None else None
    except (NotEvidence, NoTool, OSError) as error:
        _say(options.json, {"holds": False, "evidence": False, "error": str(error)}, [f"not evidence: {error}"])
        return NOT_EVIDENCE
    lines = _lines(steps)
    lines.append(
        "The evidence holds." if holds else f"The evidence does not hold: step {steps[-1].no}, {steps[-1].name}."
    )
    told: dict[str, object] = {"holds": holds, "evidence": True, "steps": [asdict(step) for step in steps]}
    if written is not None:
        told["bundles"] = written
        lines.append(f"{written} Sigstore bundles are in {options.bundles}.")
    _say(options.json, told, lines)
    return HOLDS if holds else FAILS


def _report(options: argparse.Namespace, data: bytes, trust: Trust, kept: dict[str, bytes] | None) -> int:
    """The same for a report."""
    if len(data) > MAX_BYTES:
        raise NotEvidence("larger than a report ever is")
    if options.bundles is not None:
        raise NotEvidence("--bundles is of an evidence file (zip); a report has its bundles attached")
    roots = () if options.report_roots is None else certificates(options.report_roots.read_bytes())
    found = check_report(data, trust, roots, _zip_of(options.evidence), kept)
    steps, whole = found.steps, not found.left_out
    if not found.holds:
        last = f"The report does not hold: step {steps[-1].no}, {steps[-1].name}."
    elif whole:
        last = "The report holds, and so does its evidence."
    else:
        last = (
            "What is in this report holds. Not checked, since only a part of the evidence is in it: "
            f"{', '.join(found.left_out)}. Give the evidence file with --evidence."
        )
    told: dict[str, object] = {"holds": found.holds and whole, "evidence": True}
    told |= {"steps": [asdict(step) for step in steps], "not_checked": list(found.left_out)}
    _say(options.json, told, [*_lines(steps), last])
    return FAILS if not found.holds else HOLDS if whole else IN_PART


def _lines(steps: Sequence[Step]) -> list[str]:
    return [f"{'ok  ' if step.holds else 'FAIL'} {step.no:2d} {step.name}: {step.detail}" for step in steps]


def _write_bundles(found: Found, folder: Path) -> int:
    """Write what verifiers of others need into a new folder; how many bundles. Raises NotEvidence, OSError."""
    try:
        members = taken_out(found)
    except Malformed as error:
        raise NotEvidence(str(error)) from error
    folder.mkdir(parents=True)
    for name, data in members.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    return sum(name.endswith(".sigstore.json") for name in members)


def _told_key(told: str | None) -> str | None:
    if told is None or re.fullmatch(r"[0-9a-f]{64}", told):
        return told
    try:
        return PublicKey.from_pem(Path(told).read_bytes()).key_id
    except (OSError, Malformed) as error:
        raise NotEvidence(f"--collector-key is neither 64 hex digits nor a PEM file: {error}") from error


def _trust(options: argparse.Namespace) -> Trust:
    witnesses = tuple(dict.fromkeys(_vkey("--witness", one) for one in options.witness))
    quorum = len(witnesses) if options.quorum is None else options.quorum
    if (witnesses and not 1 <= quorum <= len(witnesses)) or (options.quorum is not None and not witnesses):
        raise NotEvidence(f"--quorum is from 1 to {len(witnesses)}, the number of witnesses you named")
    vkey = None if options.log_key is None else _vkey("--log-key", options.log_key)
    return Trust(_told_key(options.collector_key), vkey, witnesses, quorum, _roots(options.tsa_roots))


def _roots(path: Path | None) -> bytes | None:
    if path is None:
        return None
    pem = path.read_bytes()
    try:
        read_roots(pem)
    except Malformed as error:
        raise NotEvidence(f"--tsa-roots: {path}: {error}") from error
    except NoTool:  # the step says so
        pass
    return pem


def _zip_of(path: Path | None) -> dict[str, bytes] | None:
    if path is None:
        return None
    if path.stat().st_size > MAX_TOTAL_BYTES:
        raise NotEvidence(f"{path}: larger than evidence ever is")
    return read_archive(path.read_bytes())


def _vkey(option: str, told: str) -> str:
    try:
        spelt = told if "+" in told else Path(told).read_text()
        return NoteKey.from_vkey(spelt).vkey
    except (OSError, ValueError, Malformed) as error:
        raise NotEvidence(f"{option} is neither name+id+key nor a file that holds it: {error}") from error


def _say(as_json: bool, told: dict[str, object], lines: list[str]) -> None:  # noqa: FBT001 - a choice of the user's
    sys.stdout.write(json.dumps(told) + "\n" if as_json else "\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
