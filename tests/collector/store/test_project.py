"""From entries to rows where who is who was made in another stream's ledger: enrolments, and keys that took others' places."""

import pytest
from fakes.device import download
from fakes.streams import Streams

from collector.errors import NotLoaded
from collector.ledger.changed import rotated_in
from collector.ledger.enrolled import enrolled_dev
from collector.ledger.frame import Entry, EntryKind
from collector.store.project import Known, rows_of
from shared.grade import NOBODY
from shared.strictjson import decode


def test_a_key_that_took_anothers_place_at_another_collector() -> None:
    """A batch by a new key is loaded before its rotation and the enrolment, which are another's: all come, each once."""
    made = Streams()
    made.line("anna")
    device = made.device("anna")
    newest = made.rotated(made.rotated(device))
    body = made.batch(newest, [download()], 2_000_000, stream=1)
    asked = []

    def elsewhere(kind: EntryKind, name: str) -> tuple[int, Entry] | None:
        asked.append((kind, name))
        return next(((0, one) for one in made.entries[0] if (one.kind, _name(one)) == (kind, name)), None)

    known = Known()
    rows = rows_of([body], known, NOBODY, 1, elsewhere)
    assert [(row.dev, row.kind) for row in rows.key_change][1:] == [(newest.dev, "rotation")]
    assert len(rows.key_change) == 2
    assert {known.devices[one.dev] for one in (device, newest)} == {(rows.device[0].id, rows.line[0].id)}
    assert [row.device for row in rows.batch] == [rows.device[0].id]
    again = rows_of(made.entries[0], known, NOBODY, 0)
    assert (again.line, again.device, again.key_change) == ([], [], [])
    with pytest.raises(NotLoaded):
        rows_of([body], Known(), NOBODY, 1, lambda _kind, _name: None)
    with pytest.raises(NotLoaded):
        rows_of([body], Known(), NOBODY, 1)


def _name(entry: Entry) -> str:
    match entry.kind:
        case EntryKind.SUBSCRIBER:
            return str(decode(entry.body[:-1])["id"])
        case EntryKind.ENROLMENT:
            return enrolled_dev(entry.body)
        case _:
            return rotated_in(entry.body)[1].key_id
