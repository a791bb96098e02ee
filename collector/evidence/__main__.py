"""`speedproof-verify FILE.zip`: 0 it holds, 1 a step fails (named), 2 it is not an evidence file."""

import argparse
import json
import re
import sys
from dataclasses import asdict
from pathlib import Path

from collector.evidence.archive import MAX_TOTAL_BYTES, NotEvidence, read_archive
from collector.evidence.check import steps_of
from collector.evidence.found import Found
from collector.evidence.logged import Trust
from collector.evidence.sigstore import taken_out
from shared.errors import Malformed, NoTool
from shared.keys import PublicKey
from shared.note import NoteKey
from shared.timestamp import read_roots

HOLDS, FAILS, NOT_EVIDENCE = 0, 1, 2


def main(argv: list[str] | None = None) -> int:
    """Check one file and say how each step went."""
    parser = argparse.ArgumentParser(
        prog="speedproof-verify",
        description="Check a speedproof evidence file offline. Exit code 0: holds; 1: a step fails; 2: not evidence.",
    )
    parser.add_argument("file", type=Path, help="the evidence file (.zip)")
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
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    options = parser.parse_args(argv)
    try:
        trust = _trust(options)
        if options.file.stat().st_size > MAX_TOTAL_BYTES:
            raise NotEvidence("larger than evidence ever is")
        found = Found(read_archive(options.file.read_bytes()), trust, _kept(options.kept))
        steps = steps_of(found)
        holds = all(step.holds for step in steps)
        written = _write_bundles(found, options.bundles) if holds and options.bundles is not None else None
    except (NotEvidence, OSError) as error:
        _say(options.json, {"holds": False, "evidence": False, "error": str(error)}, [f"not evidence: {error}"])
        return NOT_EVIDENCE
    lines = [f"{'ok  ' if step.holds else 'FAIL'} {step.no:2d} {step.name}: {step.detail}" for step in steps]
    lines.append(
        "The evidence holds." if holds else f"The evidence does not hold: step {steps[-1].no}, {steps[-1].name}."
    )
    told: dict[str, object] = {"holds": holds, "evidence": True, "steps": [asdict(step) for step in steps]}
    if written is not None:
        told["bundles"] = written
        lines.append(f"{written} Sigstore bundles are in {options.bundles}.")
    _say(options.json, told, lines)
    return HOLDS if holds else FAILS


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


def _kept(path: Path | None) -> dict[str, bytes] | None:
    if path is None:
        return None
    if path.stat().st_size > MAX_TOTAL_BYTES:
        raise NotEvidence(f"{path}: larger than an export ever is")
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
