"""Transfers that a peer has signed and of which no record came: what is shown of them, and how the judge is told. Pure.

What became of each is decided in `shared.delivery`. Those of which the device should have told more (`denied`, `passed_over`,
`overdue`) may have been good results that somebody keeps to himself. So they only ever count against the claimant: a finding
in his favour must hold without them, and again with the peer's word added:

    denied                 the record of that number says that it was not started, for whatever reason: taken as if the claimant
                           had stopped it himself, that is like one that was as good as promised
    passed_over, overdue   a start of which nothing is known but direction and moment (the transfer's beginning, by the peer's
                           clock): a gap of one result there, if it falls into a slot that shows no test of that direction

Only peers that are trusted now are listened to, whoever was when a statement came.
"""

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import replace

from collector.holes import Started
from collector.samples import STOPPED
from collector.store.answers import TransferFact
from collector.view import RecordRow, TransfersView, UndeliveredRow
from shared.delivery import NEVER_DELIVERED, Standing, one_for_each, standing_of
from shared.record import End
from shared.transfer import Direction


def transfers_of(facts: Iterable[TransferFact], trusted: Container[str], now_us: int) -> TransfersView:
    """What became of the transfers that peers whose keys (ids) are trusted have signed, `now_us` (unix µs)."""
    standings = Counter[str]()
    rows = list[UndeliveredRow]()
    heard = sorted((fact for fact in facts if fact.peer in trusted), key=lambda fact: (fact.t_us, fact.sid, fact.peer))
    alone = (
        standing_of(
            Direction(fact.direction),
            fact.told,
            other=fact.other,
            passed=fact.passed,
            removed=fact.removed,
            numbered=fact.seq is not None,
            age_us=now_us - fact.t_us,
        )
        for fact in heard
    )
    keys = ((fact.dev, fact.seq, fact.direction) for fact in heard)
    for fact, standing in zip(heard, one_for_each(zip(keys, alone, strict=True)), strict=True):
        standings[standing.value] += 1
        if standing in NEVER_DELIVERED and fact.seq is not None:
            began_us = fact.t_us - fact.dur_us
            rows.append(
                UndeliveredRow(
                    fact.dev,
                    fact.seq,
                    fact.sid,
                    fact.peer,
                    fact.direction,
                    began_us,
                    fact.t_us,
                    fact.bytes,
                    standing.value,
                )
            )
    rows.sort(key=lambda row: (row.dev, row.seq, row.t_us, row.sid, row.peer))
    return TransfersView(dict(sorted(standings.items())), tuple(rows))


def with_peers_word(rows: Sequence[RecordRow], never: Sequence[UndeliveredRow]) -> list[RecordRow]:
    """The rows with those that deny what a peer has signed as starts that the claimant stopped himself."""
    denied = {(one.dev, one.seq) for one in never if one.standing == Standing.DENIED}
    return [
        replace(row, reason=STOPPED)
        if row.provenance == "signed" and row.end == End.NOT_STARTED and (row.dev, row.seq) in denied
        else row
        for row in rows
    ]


def started(never: Sequence[UndeliveredRow]) -> tuple[Started, ...]:
    """The starts of which nothing is known but what the peer says."""
    return tuple(Started(one.dev, one.direction, one.began_us) for one in never)
