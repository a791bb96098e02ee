"""Logs that were followed by others, in an evidence file; needs nothing but `shared`.

    log/past/<name>/next.json        the statement that another log follows this one (`shared.nextlog`), with its last checkpoint
    log/past/<name>/proofs.ndjson    the places in that checkpoint's tree, as log/proofs.ndjson has them for the newest log

Each statement is the first leaf of the log behind it. So whoever trusts the newest log's checkpoint, or a witness of it, has the
last tree of each log before it too.
"""

from collections.abc import Mapping
from typing import Final

from collector.evidence.history import line_in
from shared.errors import Malformed
from shared.keys import PublicKey
from shared.lineage import Lineage
from shared.nextlog import NextLog, follow_logs
from shared.note import NoteKey
from shared.rotation import Whose

FOLDER: Final = "log/past/"
_NEXT: Final = "/next.json"


def next_file(name: str) -> str:
    """Where the statement stands that another log follows the one of this name."""
    return f"{FOLDER}{name}{_NEXT}"


def proofs_file(name: str) -> str:
    """Where the places in that log stand."""
    return f"{FOLDER}{name}/proofs.ndjson"


def is_next(name: str) -> bool:
    """Whether a member is such a statement, which is a leaf."""
    return name.startswith(FOLDER) and name.endswith(_NEXT)


def past_logs(files: Mapping[str, bytes], newest: NoteKey) -> tuple[NextLog, ...]:
    """The logs before the newest, oldest first; raises Malformed naming the file that does not hold.

    Those that do not lead to the newest (their ledger was put back from a copy, and went on as another log) come first.
    """
    found: dict[str, NextLog] = {}
    for name in sorted(files):
        if is_next(name):
            try:
                one = _read(files, name)
                if name != next_file(one.old.name):
                    raise Malformed("of another log than its name says")
            except Malformed as error:
                raise Malformed(f"{name}: {error}") from error
            found[one.old.vkey] = one
    followers = {one.new.vkey for one in found.values()}
    chains = list[tuple[NextLog, ...]]()
    for root in (one.old for one in found.values() if one.old.vkey not in followers):
        chains.append(follow_logs(root, [one.line for one in found.values()], _collector(files)))
    chains.sort(key=lambda chain: chain[-1].new == newest)
    in_order = tuple(one for chain in chains for one in chain)
    if len(in_order) != len(found):
        raise Malformed(f"{FOLDER}: logs that follow each other in a circle")
    return in_order


def leads_to(files: Mapping[str, bytes], told: NoteKey, newest: NoteKey) -> int:
    """How many logs after the one that was told the newest is; raises Malformed if that does not lead to it."""
    chain = follow_logs(told, [one.line for one in past_logs(files, newest)], _collector(files))
    if told != newest and (not chain or chain[-1].new != newest):
        raise Malformed(f"the log is {newest.name}, and the one you were told, {told.name}, does not lead to it")
    return len(chain)


def _read(files: Mapping[str, bytes], name: str) -> NextLog:
    return NextLog.read(files[name].removesuffix(b"\n"), _collector(files))


def _collector(files: Mapping[str, bytes]) -> Lineage:
    """The collector's keys, which an earlier step has looked at."""
    return line_in(files, Whose.COLLECTOR, PublicKey.from_pem(files.get("keys/collector.pem", b"")))
