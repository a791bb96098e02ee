"""What the collector remembers is a fold over the ledger and nothing else."""

import contextlib

import pytest
from fakes.clock import FakeClock
from fakes.entries import DEVS, KEYS, enrolment, revocation, rotation
from fakes.history import History
from hypothesis import given
from hypothesis import strategies as st

from collector.config import Config
from collector.enrol import Portal
from collector.errors import LedgerDamaged
from collector.ledger.changed import Revoked
from collector.ledger.frame import Draft, Entry, EntryKind
from collector.ledger.segments import read_entries
from collector.registry import Registry
from collector.services import Services
from shared.errors import FrozenKey, RevokedKey, UnknownKey


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


@given(st.permutations(range(4)), st.booleans())
def test_keys_in_any_order_of_many_ledgers(order: list[int], is_frozen: bool) -> None:
    """A catalog that had forgotten tells in another order; what is known of a device's keys in the end is the same."""
    made = [enrolment(0), rotation(KEYS[0], KEYS[1]), rotation(KEYS[1], KEYS[2]), revocation(DEVS[2], 9, 5)]
    if is_frozen:
        made[3] = Draft(EntryKind.REFUSED, {"batch": 1, "dev": DEVS[2], "error": "chain_fork", "freeze": True}, b"x\n")
    entries = [Entry(no + 1, one.kind, 100 + no, one.meta, one.body) for no, one in enumerate(made)]
    in_order, told = Registry(), Registry(of_many=True)
    for entry in entries:
        in_order.apply(entry)
    for place in order:
        told.apply(entries[place])
    assert told.devices == in_order.devices
    assert [one.key.key_id for one in told.keys_of(DEVS[1])] == list(DEVS)
    refused = FrozenKey if is_frozen else RevokedKey
    for dev, error in zip(DEVS, (RevokedKey, RevokedKey, refused), strict=True):
        with pytest.raises(error):
            told.key_of(dev)
    assert told.devices[DEVS[2]].name == DEVS[0]
    assert told.devices[DEVS[2]].revoked == (None if is_frozen else Revoked(103, "stolen", 5))
