"""What the collector remembers is a fold over the ledger and nothing else."""

import contextlib

import pytest
from fakes.clock import FakeClock
from fakes.history import History

from collector.config import Config
from collector.enrol import Portal
from collector.errors import LedgerDamaged
from collector.ledger.frame import Entry, EntryKind
from collector.ledger.segments import read_entries
from collector.registry import Registry
from collector.services import Services
from shared.errors import FrozenKey, UnknownKey


def folded(services: Services) -> Registry:
    """A new registry from the ledger's entries."""
    registry = Registry()
    for entry in read_entries(services.ledger.folder):
        registry.apply(entry)
    return registry


def test_registry_is_a_fold(services: Services) -> None:
    """Applying the ledger again gives what came to be step by step: frozen keys, codes, complaints, imports."""
    history = History(services)
    history.eventful()
    Portal(services).give_code("line-0")
    again = folded(services)
    for name in ("subscribers", "codes", "refused", "imports"):
        assert getattr(again, name) == getattr(services.registry, name), name
    assert {dev: (one.subscriber, one.frozen_us, one.enrolment, one.plan) for dev, one in again.devices.items()} == {
        dev: (one.subscriber, one.frozen_us, one.enrolment, one.plan) for dev, one in services.registry.devices.items()
    }
    assert {key: entry.no for key, entry in again.complaints.items()} == {
        key: entry.no for key, entry in services.registry.complaints.items()
    }


def test_restart_goes_on(config: Config, clock: FakeClock) -> None:
    """A collector that is started again stands where it stood: the next batch fits, the frozen key stays frozen."""
    with contextlib.closing(Services.over_folder(config, clock)) as first:
        history = History(first)
        history.eventful()
    with contextlib.closing(Services.over_folder(config, clock)) as second:
        history.services = second
        one, two, other = history.devices
        assert history.batch(one).is_new
        assert history.batch(two).is_new
        with pytest.raises(FrozenKey):
            second.registry.key_of(other.dev)
        with pytest.raises(UnknownKey):
            second.registry.key_of("0" * 64)


@pytest.mark.parametrize(
    ("kind", "meta", "body"),
    [
        (EntryKind.SUBSCRIBER, {}, b"{}\n"),
        (EntryKind.SUBSCRIBER, {}, b"not JSON\n"),
        (EntryKind.CODE, {"handle": "AAAA"}, b"{}\n"),
        (EntryKind.ENROLMENT, {}, b"{}\n"),
        (EntryKind.REFUSED, {"dev": "0" * 64, "batch": 0, "freeze": True}, b"x\n"),
        (EntryKind.REFUSED, {"batch": 0}, b"x\n"),
        (EntryKind.COMPLAINT, {}, b"x\n"),
        (EntryKind.IMPORT, {}, b"x\n"),
    ],
)
def test_an_entry_that_cannot_be(kind: EntryKind, meta: dict[str, str | int], body: bytes) -> None:
    """An entry no collector writes stops the start with its number."""
    registry = Registry()
    with pytest.raises(LedgerDamaged, match=f"entry 7 \\({kind}\\)"):
        registry.apply(Entry(7, kind, 0, {**meta}, body))


def test_codes_end_with_their_use(services: Services) -> None:
    """A used code is gone from memory, an open one is there by its handle only."""
    history = History(services)
    history.device("line-0")
    assert services.registry.codes == {}
    code, expires_us = Portal(services).give_code("line-0")
    (opened,) = services.registry.codes.values()
    assert (opened.handle, opened.subscriber, opened.expires_us) == (code[:4], "line-0", expires_us)
    assert code not in repr(opened)
