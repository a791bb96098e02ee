"""The step of checking an evidence file that holds peers' own words beside the device's: `transfers/<entry>.json`.

Each is a statement by a peer whose key is here, about one of these devices; what became of the transfer is decided anew by the
rules of `shared.delivery`, and the case must say the same of those never delivered. So a batch that somebody left out is still
told of by what the peer signed of its transfers. Where a record says otherwise than its peer, that is told, and fails nothing: a
device may be wrong, and the grades say who vouches for what.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from collector.evidence.casefile import CASE, read_case
from collector.evidence.found import Found, StepFailed, member
from collector.evidence.grades import peers_in
from collector.evidence.typed import as_list, as_text, as_whole
from shared import statement
from shared.delivery import NEVER_DELIVERED, Standing, one_for_each, standing_of
from shared.dsse import read_envelope
from shared.errors import Malformed
from shared.grade import Peers, differs, grade, session_of
from shared.keys import PublicKey
from shared.record import Record
from shared.transfer import HINT_DIGITS, TransferStatement, read_transfer

FOLDER = "transfers"
MOST_NAMED = 20
Never = tuple[str, int, str, str, str, str]  # device, seq, sid, peer, direction, standing


@dataclass(frozen=True, slots=True)
class _Told:
    """A peer's statement: whose, by which of its keys, about which device (its first key)."""

    device: str
    peer: PublicKey
    said: TransferStatement


@dataclass(slots=True)
class _Delivered:
    """What there is of one device."""

    by_seq: dict[int, Record] = field(default_factory=dict)
    by_session: dict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))
    session: dict[int, str] = field(default_factory=dict)  # that the record of a number bears
    last_seq: int = -1
    removed: list[tuple[int, int]] = field(default_factory=list)


def transfers(found: Found) -> str:
    """Peers' statements hold, and what became of their transfers is what the case says."""
    peers = peers_in(found.files)
    statements = sorted(
        _statements(found, peers).values(), key=lambda one: (one.said.t_us, one.said.sid, one.peer.key_id)
    )
    there = _delivered(found, peers)
    as_of_us = statement.integer(found.manifest, "as_of_us")
    counted, never, differing = Counter[str](), list[Never](), list[str]()
    alone = [_standing(there.get(one.device, _Delivered()), one, as_of_us) for one in statements]
    keys = [(one.device, one.said.seq, one.said.direction) for one in statements]
    settled = one_for_each((key, standing) for key, (standing, _) in zip(keys, alone, strict=True))
    for one, standing, (_, records) in zip(statements, settled, alone, strict=True):
        said = one.said
        counted[standing.value] += 1
        if standing in NEVER_DELIVERED and said.seq is not None:
            never.append((one.device, said.seq, said.sid, one.peer.key_id, said.direction.value, standing.value))
        differing += [
            f"{one.device[:8]}: {record.seq} {reason.value}"
            for record in records
            if standing is Standing.DELIVERED and (reason := differs(record, said)) is not None
        ]
    told = _told(member(found, CASE))
    if told is not None and told != (dict(counted), sorted(never)):
        lines = sorted(set(never) ^ set(told[1]))
        where = f", as of {_named(lines)}" if lines else ""
        raise StepFailed(f"it says another thing of what peers have signed than is found here{where}", CASE)
    return _in_words(counted, sorted(never), sorted(differing))


def _statements(found: Found, peers: Peers) -> dict[str, _Told]:
    """The peers' statements by identity: the same one from two ledgers is one. Raises StepFailed."""
    made: dict[str, _Told] = {}
    for name in found.named(FOLDER):
        try:
            envelope = read_envelope(found.files[name].removesuffix(b"\n"))
            peer = peers.get(envelope.key_id[:HINT_DIGITS])
            if peer is None or peer.key_id != envelope.key_id:
                raise Malformed("signed by a peer whose key is not here")
            said = read_transfer(envelope, peer)
            if said.dev not in found.first_key:
                raise Malformed("about a device that is not enrolled here")
        except Malformed as error:
            raise StepFailed(str(error), name) from error
        made[envelope.pae_sha256] = _Told(found.first_key[said.dev], peer, said)
    return made


def _delivered(found: Found, peers: Peers) -> dict[str, _Delivered]:
    """What was delivered, by device."""
    there = defaultdict[str, _Delivered](_Delivered)
    for dev, batches in found.batches.items():
        device = there[found.first_key.get(dev, dev)]
        for batch in batches:
            device.last_seq = max(device.last_seq, batch.said.last_seq)
            for record in batch.records:
                device.by_seq[record.seq] = record
                graded = grade(record, batch.said.dev, peers)
                if graded is not None and graded.session is not None:
                    device.by_session[graded.session].append(record)
                    device.session[record.seq] = graded.session
    for dev, sealed in found.removed.items():
        device = there[found.first_key.get(dev, dev)]
        for one in sealed:
            device.last_seq = max(device.last_seq, one.said.last_seq)
            device.removed.append((one.said.first_seq, one.said.last_seq))
    return there


def _standing(device: _Delivered, one: _Told, as_of_us: int) -> tuple[Standing, list[Record]]:
    """What became of a transfer, and the records that may be about it."""
    seq, session = one.said.seq, session_of(one.said.dev, one.peer.key_id, one.said.sid)
    records = list(device.by_session.get(session, ()))
    borne = None if seq is None else device.session.get(seq)
    if seq is not None and seq in device.by_seq and borne is None:
        records.append(device.by_seq[seq])
    standing = standing_of(
        one.said.direction,
        [(record.method, record.end.value if record.end else "unknown") for record in records],
        other=borne not in {None, session},
        passed=seq is not None and device.last_seq >= seq,
        removed=seq is not None and any(first <= seq <= last for first, last in device.removed),
        numbered=seq is not None,
        age_us=as_of_us - one.said.t_us,
    )
    return standing, records


def _told(case: bytes) -> tuple[dict[str, int], list[Never]] | None:
    """What the case says, None if it was made before it did; raises StepFailed."""
    told = read_case(case).get("transfers")
    if told is None:
        return None
    try:
        standings = {name: as_whole(n) for name, n in told["standings"].items()}
        return standings, sorted(map(_never, as_list(told["never"])))
    except (KeyError, TypeError, AttributeError) as error:
        raise StepFailed("says in no readable way what became of transfers", CASE) from error


def _never(one: Mapping[str, Any]) -> Never:
    dev, sid, peer, direction, standing = (
        as_text(one[name]) for name in ("dev", "sid", "peer", "direction", "standing")
    )
    return dev, as_whole(one["seq"]), sid, peer, direction, standing


def _named(never: list[Never]) -> str:
    shown = ", ".join(f"start {seq} of {dev[:8]} ({standing})" for dev, seq, _, _, _, standing in never[:MOST_NAMED])
    return shown + (f" and {len(never) - MOST_NAMED} more" if len(never) > MOST_NAMED else "")


def _in_words(counted: Counter[str], never: list[Never], differing: list[str]) -> str:
    if not counted:
        return "no peer's own words are here"
    rest = ", ".join(f"{n} {name}" for name, n in sorted(counted.items()) if name not in NEVER_DELIVERED)
    words = [f"{counted.total()} transfers signed by peers" + (f": {rest}" if rest else "")]
    words.append(f"started, never delivered: {len(never)}" + (f" ({_named(never)})" if never else ""))
    if differing:
        more = f" and {len(differing) - MOST_NAMED} more" if len(differing) > MOST_NAMED else ""
        words.append(f"records that say otherwise than their peer: {', '.join(differing[:MOST_NAMED])}{more}")
    return "; ".join(words)
