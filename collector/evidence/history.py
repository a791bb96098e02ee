"""The server's keys over time, in an evidence file; needs nothing but `shared`.

    keys/history/<whose>/<old id>.pem, .json     a key that was in use before, and its rotate/v1; whose: collector, portal, peer

Each rotation is a leaf of the log, if there is one. The log's order then decides which key was in use for what: a receipt or an
enrolment by a key that had been followed by another before, or by one that was not in use yet, does not hold.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from shared.dsse import read_envelope
from shared.errors import Malformed
from shared.keys import PublicKey
from shared.lineage import Lineage, lineage_of
from shared.rotation import Whose

FOLDER: Final = "keys/history/"
SERVERS: Final = (Whose.COLLECTOR, Whose.PORTAL, Whose.PEER)
Lines = Mapping[Whose, Lineage]
NO_LINES: Final[Lines] = MappingProxyType({})


def statement_file(whose: Whose, key: PublicKey) -> str:
    """Where the rotation of an older key stands."""
    return f"{FOLDER}{whose}/{key.key_id}.json"


def is_statement(name: str) -> bool:
    """Whether a member is a rotation, which is a leaf of the log."""
    return name.startswith(FOLDER) and name.endswith(".json")


def history_files(lines: Lines) -> dict[str, bytes]:
    """The members that these lines of keys become."""
    found = dict[str, bytes]()
    for whose, line in lines.items():
        for key, rotation in line.past:
            name = statement_file(whose, key)
            found |= {name: rotation + b"\n", name.removesuffix("json") + "pem": key.to_pem()}
    return found


def line_in(files: Mapping[str, bytes], whose: Whose, newest: PublicKey) -> Lineage:
    """The keys of one server up to the one in use; raises Malformed unless the file's rotations lead there, all of them."""
    return lineage_of(newest, _past(files, whose), whose)


def peers_line(files: Mapping[str, bytes], peers: Iterable[PublicKey]) -> Lineage | None:
    """The keys of the collector's own peer, if it has had several: they lead to one that is trusted. Raises Malformed."""
    past = _past(files, Whose.PEER)
    for key in peers if past else ():
        try:
            return lineage_of(key, past, Whose.PEER)
        except Malformed as error:
            failed = error
    if past:
        raise Malformed(f"{FOLDER}{Whose.PEER}: {failed}")
    return None


def _past(files: Mapping[str, bytes], whose: Whose) -> list[tuple[PublicKey, bytes]]:
    past = []
    for name in sorted(files):
        if name.startswith(f"{FOLDER}{whose}/") and is_statement(name):
            beside = name.removesuffix("json") + "pem"
            if beside not in files:
                raise Malformed(f"{beside}: not there")
            key = PublicKey.from_pem(files[beside])
            if name != statement_file(whose, key):
                raise Malformed(f"{beside}: not the key its name says")
            past.append((key, files[name].removesuffix(b"\n")))
    return past


def check_order(files: Mapping[str, bytes], lines: Lines, indices: Mapping[str, int], whats: Mapping[str, str]) -> None:
    """That rotations are in the log, and each key signed while it was in use; raises Malformed naming the file.

    `indices`: the place in the log of each file that has one. `whats`: for a file by the collector or the portal the file whose
    place is its own.
    """
    for whose, line in lines.items():
        names = [statement_file(whose, key) for key, _ in line.past]
        for name in names:
            if name not in indices:
                raise Malformed(f"{name}: not in the log, where a rotation must be to count")
        turns = [indices[name] for name in names]
        if turns != sorted(turns):
            raise Malformed(f"{names[0]}: the {whose}'s keys followed each other in another order in the log")
        if not turns:  # one key was in use all the time
            continue
        for name, what in whats.items():
            key_id = read_envelope(files[name].partition(b"\n")[0]).key_id
            if what in indices and key_id in line.by_id:
                _check_turn(name, indices[what], turns, len(turns) - line.since(key_id))


def _check_turn(name: str, index: int, turns: list[int], number: int) -> None:
    """Whether the key of this number was in use at this place."""
    if number and index < turns[number - 1]:
        raise Malformed(f"{name}: signed with a key that was not in use yet")
    if number < len(turns) and index > turns[number]:
        raise Malformed(f"{name}: signed with a key that another had followed before")
