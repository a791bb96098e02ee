"""Whether a database stands where the device stood, and what is done if that is in doubt: the collector is asked.

Certain is only a database whose last user ended in order and which does not stand before the place that was on disk
when something last left the device. Asking costs one small request and is never wrong; not asking can cost the key.
"""

import sqlite3
from pathlib import Path

from probe.outbox.opening import Opened
from probe.outbox.place import Place
from probe.outbox.store import NEXT_SEQ
from shared.chain import Head


def doubt_about(opened: Opened, head: Head, place: Place | None, place_file: Path) -> str | None:
    """Why the collector has to be asked; None if there is no reason."""
    if opened.doubt is not None or (opened.is_new and not place_file.exists()):
        return opened.doubt
    if place is None:
        return "its place in the chain is not known"
    return "it went back in time" if _is_beyond(place, head) else None


def ask(db: sqlite3.Connection, place: Place | None) -> None:
    """Go on asking, from the furthest place that is known; inside the caller's transaction."""
    batch, seq, pae_sha256 = db.execute("SELECT batch, seq, head FROM chain").fetchone()
    if place is not None and _is_beyond(place, Head(batch, seq, pae_sha256)):
        db.execute(
            f"UPDATE chain SET next_seq = max({NEXT_SEQ}, ?), batch = ?, seq = ?, head = ?",  # noqa: S608 - ours
            (place.next_seq, place.head.batch, place.head.seq, place.head.pae_sha256),
        )
    db.execute(f"UPDATE chain SET asking_from = coalesce(asking_from, {NEXT_SEQ})")  # noqa: S608 - ours


def _is_beyond(place: Place, head: Head) -> bool:
    return place.head.batch > head.batch or (place.head.batch == head.batch and place.head != head)
