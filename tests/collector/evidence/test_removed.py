"""Evidence of a line of which the collector has removed measurements by its rule: the chain holds, and it says so."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

import pytest
from fakes.aged import aged, live, retain_all_of
from fakes.case import Case, Files, step_of
from fakes.clock import FakeClock
from fakes.cosign import transfer
from fakes.history import History

from collector.case import case_of
from collector.errors import Busy
from collector.evidence.archive import read_archive
from collector.evidence.bundle import make_evidence
from collector.evidence.check import check_evidence
from collector.evidence.logged import Trust
from collector.keyfiles import load_or_create
from collector.retain import DAY_US, candidates, outlook, retain
from collector.services import Services
from collector.web.page import render_page
from shared import dsse
from shared.dsse import read_envelope
from shared.keys import FileKey
from shared.statement import Kind, read_statement

DAYS = 6


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Twelve days of two lines, of which the second complained on the eighth; a rule of six days was applied."""
    clock = FakeClock()
    with aged(tmp_path_factory.mktemp("removed") / "data", clock) as made:
        live(History(made), clock, 12, complaint_on=7)
        retain_all_of(made, DAYS)
        yield made


@pytest.fixture(scope="module")
def case(services: Services) -> Case:
    """The case of the line of which measurements are gone."""
    return Case(services, History(services), make_evidence(services, "line-0"))


def named(files: Mapping[str, bytes], folder: str) -> list[str]:
    """The members of a folder, in order."""
    return sorted(name for name in files if name.startswith(folder + "/"))


def test_the_chain_holds_and_the_rule_is_named(case: Case) -> None:
    """All steps hold; how many batches were removed, when and by which rule is told; the rest of the chain is there whole."""
    steps = check_evidence(case.files, Trust(case.services.collector_key.public.key_id))
    assert all(step.holds for step in steps), steps
    removed, batches = named(case.files, "removed"), named(case.files, "batches")
    assert (len(removed) > 2, len(removed) + len(batches)) == (True, 12)
    on = datetime.fromtimestamp(case.services.clock.wall_us() // 1_000_000, UTC).date()
    told = f"the measurements of {len(removed)} batches were removed (on {on} by the rule of {DAYS} days)"
    assert steps[5].detail == f"1 chains without a gap, 0 records declared lost; {told}"
    assert steps[4].detail == f"{len(batches)} batches, {3 * len(batches)} records"


def test_what_was_removed_has_no_bundle(case: Case) -> None:
    """Bundles are of batches that are here whole; one of a batch that was removed is of none that is here."""
    files = case.files
    numbers = [name.split("/")[2][:8] for name in named(files, "batches")]
    bundles = [name for name in named(files, "bundles") if name.endswith(".sigstore.json")]
    assert [name.split("/")[2][:8] for name in bundles] == numbers
    assert step_of(check_evidence(files), "log").detail.endswith(f"; {len(numbers)} Sigstore bundles")
    more = named(files, "removed")[0].replace("removed/", "bundles/").replace(".json", ".sigstore.json")
    last = check_evidence(case.signed_anew(files | {more: files[bundles[0]]}))[-1]
    assert (last.name, last.detail) == ("log", f"{more}: of no batch that is here and in the log")


def test_of_what_was_removed_no_transfer_is_missed(case: Case) -> None:
    """A peer's word on a start whose record was removed by the rule says nothing against the device."""
    files = case.files
    peer = load_or_create(case.services.config.data / "keys" / "peer.pem")
    dev = named(files, "removed")[0].split("/")[1]
    files["transfers/99999999.json"] = transfer(dev, seq=0).seal(peer) + b"\n"
    files["case.json"] = files["case.json"].replace(b'"transfers"', b'"of_before"')
    step = step_of(check_evidence(case.signed_anew(files)), "transfers")
    assert step.detail == "1 transfers signed by peers: 1 removed; started, never delivered: 0"


@pytest.mark.parametrize("later", [2, 2**60 + 1])
def test_slots_are_asked_about_from_the_last_removed_batch_on(case: Case, later: int) -> None:
    """Where measurements were removed the case asks from the end of these on; it may not pass over any slot behind it."""
    files = case.files
    told = json.loads(files["case.json"])
    first = told["omission"]["planned"][0]["first_slot"] + later
    told["omission"]["planned"][0].update(first_slot=first, stop_slot=first)
    files["case.json"] = json.dumps(told | {"omission": told["omission"] | {"windows": []}}).encode()
    step = step_of(check_evidence(case.signed_anew(files)), "omission")
    assert (step.name, step.holds) == ("omission", False)
    assert f"it asks about slots {first} to {first}" in step.detail


def test_a_line_with_an_open_case_has_all(services: Services) -> None:
    """Evidence of a line that has complained has every batch of it whole."""
    files = read_archive(make_evidence(services, "line-1"))
    assert (len(named(files, "batches")), named(files, "removed"), named(files, "tombstones")) == (12, [], [])
    assert all(step.holds for step in check_evidence(files))


def without(files: Files, folder: str, most: int = 99) -> None:
    """Take members of a folder out."""
    for name in named(files, folder)[:most]:
        del files[name]


def rename(files: Files) -> None:
    """Pass one removed batch off as another."""
    first, second = named(files, "removed")[:2]
    files[first], files[second] = files[second], files[first]


def forge(files: Files, folder: str, kind: Kind, key: FileKey) -> None:
    """Have somebody else sign a member."""
    name = named(files, folder)[0]
    told = read_statement(read_envelope(files[name][:-1]).payload, kind)
    files[name] = dsse.seal(told.encode(), key) + b"\n"


TAMPERINGS: dict[str, tuple[Callable[[Files], None], str, str]] = {
    "batch_gone": (lambda files: without(files, "removed", 1), "chain", "batch 0 is missing before batch 1"),
    "renamed": (rename, "chain", "not the batch its name says"),
    "not_owned_up_to": (lambda files: without(files, "tombstones"), "chain", "does not say that it removed them"),
    "stranger_batch": (
        lambda files: forge(files, "removed", Kind.BATCH, FileKey.generate()), "chain", "removed/.*not enrolled here"
    ),
    "stranger_word": (
        lambda files: forge(files, "tombstones", Kind.TOMBSTONE, FileKey.generate()), "chain", "tombstones/.*another key"
    ),
    "receipt_gone": (lambda files: without(files, "receipts", 1), "receipts", "has no receipt"),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERINGS)
def test_what_was_left_out_or_changed_shows(case: Case, name: str) -> None:
    """Even under a manifest that fits, a removed batch that is missing, renamed or not owned up to fails the step that tells."""
    change, step, why = TAMPERINGS[name]
    files = case.files
    change(files)
    last = check_evidence(case.signed_anew(files))[-1]
    assert (last.holds, last.name) == (False, step)
    assert re.search(why, last.detail), last.detail


def test_slots_are_told_from_the_removal_on(services: Services) -> None:
    """A slot whose records were removed is not called missing, and the page says what is no longer here."""
    counts = {}
    for name in ("line-0", "line-1"):
        view, rows = case_of(services, name)
        counts[name] = view.counts["signed"]
        assert ("rule of retention" in render_page(view, rows)) == bool(view.removed) == (name == "line-0")
    assert counts["line-0"].scheduled_slots < counts["line-1"].scheduled_slots * 3 // 4
    view, _ = case_of(services, "line-0")
    assert view.presence[0].stretches[0].from_us >= view.removed[0].until_us


def test_no_evidence_between_two_steps(services: Services) -> None:
    """While a removal is cut off there is no evidence that would contradict itself, and it is said what to do."""

    def stop(at: str) -> None:
        if at == "forget":
            raise InterruptedError

    clock = services.clock
    assert isinstance(clock, FakeClock)
    clock.advance(2 * DAY_US)
    name = next(name for name in candidates(services) if outlook(services, name, DAYS).goes)
    with pytest.raises(InterruptedError):
        retain(services, name, DAYS, stop)
    with pytest.raises(Busy, match=f"{name} was cut off; run `retain` again"):
        make_evidence(services, "line-0")
    retain(services, name, DAYS)
    assert all(step.holds for step in check_evidence(read_archive(make_evidence(services, "line-0"))))
