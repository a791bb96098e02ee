"""Making evidence: of whom, and while the collector takes in more."""

import contextlib

import pytest
from fakes.device import Device
from fakes.served import Served

from collector.errors import IndexLags, NotFound
from collector.evidence.archive import read_archive
from collector.evidence.bundle import make_evidence
from collector.evidence.check import check_evidence
from collector.store.port import Place
from collector.store.questions import Questions


def test_evidence_of_nobody(served: Served) -> None:
    """There is no evidence about a line that is not there, and a line without a device has little."""
    with pytest.raises(NotFound):
        make_evidence(served.services, "nobody")
    served.add("empty")
    steps = check_evidence(read_archive(make_evidence(served.services, "empty")))
    assert all(step.holds for step in steps)
    assert steps[4].detail == "0 batches, 0 records"


def test_evidence_made_while_batches_arrive(served: Served, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidence is of one moment: a batch acknowledged while it is made is in the next one, whole."""
    services, real = served.services, Questions.places
    served.post_batch(device.next())

    def places(store: Questions, subscriber: str) -> list[Place]:
        assert served.post_batch(device.next()).status == 201
        with contextlib.suppress(IndexLags):
            services.indexer.caught_up(services.ledger.last_no, 0.3)
        return real(store, subscriber)

    monkeypatch.setattr(Questions, "places", places)
    for batches in (1, 2):
        steps = check_evidence(read_archive(make_evidence(services, "anna")))
        assert steps[-1].holds, steps[-1]
        assert steps[4].detail == f"{batches} batches, {batches} records"
