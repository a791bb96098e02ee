"""Evidence whose log was cosigned: who trusts witnesses sees that they have seen it, and when; another tree for the court fails."""

import contextlib
from collections.abc import Iterator

import pytest
from fakes.case import Case
from fakes.clock import FakeClock
from fakes.device import download
from fakes.history import History
from fakes.witness import FakeWitness, serving

from collector.config import Config
from collector.evidence.bundle import make_evidence
from collector.evidence.check import Step, check_evidence
from collector.evidence.logged import CHECKPOINT, Trust
from collector.log.key import Witness
from collector.services import Services
from shared.note import NoteKey, read_note


@pytest.fixture(scope="module")
def witnessed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Case, list[NoteKey]]]:
    """The case of `line-0`, its log cosigned by two; and their keys, with that of one who was never asked."""
    with contextlib.ExitStack() as opened:
        asked = [opened.enter_context(serving(FakeWitness(number))) for number in range(2)]
        witnesses = tuple(Witness(one.url, one.notary.public) for one in asked)
        config = Config(data=tmp_path_factory.mktemp("data"), witness=witnesses)
        services = opened.enter_context(contextlib.closing(Services.over_folder(config, FakeClock())))
        for one in asked:
            one.logs[services.log_key.public.name] = services.log_key.public
        history = History(services)
        history.eventful()
        services.indexer.catch_up()
        assert services.publisher.holds(0, 20) is not None
        assert services.witnesses.go_round() is not None
        case = Case(services, history, make_evidence(services, "line-0"))
        yield case, [*(one.key for one in witnesses), FakeWitness(2).notary.public]


def last(case: Case, files: dict[str, bytes], *witnesses: NoteKey, quorum: int = 1) -> Step:
    """How the log's step goes for a reader who trusts these."""
    own = case.services.log_key.public.vkey
    steps = check_evidence(files, Trust(vkey=own, witnesses=tuple(one.vkey for one in witnesses), quorum=quorum))
    return steps[min(11, len(steps) - 1)]


def test_by_whom_and_when(witnessed: tuple[Case, list[NoteKey]]) -> None:
    """The quorum's time is told; a witness that was never asked does no harm where he is not needed."""
    case, (one, other, third) = witnessed
    for witnesses, quorum in (([one], 1), ([one, other], 2), ([one, third], 1), ([one, other, third], 2)):
        step = last(case, case.files, *witnesses, quorum=quorum)
        assert (step.no, step.holds) == (12, True), step.detail
        assert "had seen it by 2027-01-15 08:00:00 UTC" in step.detail
    assert "no witness was asked for" in last(case, case.files).detail


@pytest.mark.threat("T14")
def test_another_tree_for_the_court(witnessed: tuple[Case, list[NoteKey]]) -> None:
    """T14: a checkpoint that its log has signed and no quorum has seen is refused by whoever asks for one."""
    case, (one, other, third) = witnessed
    note = read_note(case.files[CHECKPOINT])
    bare = type(note)(note.text, note.signatures[:1]).data
    files = case.signed_anew(case.unbundled | {CHECKPOINT: bare})
    assert last(case, files).holds
    for witnesses, quorum in (([one], 1), ([one, other], 2)):
        step = last(case, files, *witnesses, quorum=quorum)
        assert (step.no, step.holds) == (12, False)
        assert "0 of the witnesses you trust" in step.detail
    assert "2 are needed" in last(case, case.files, one, third, quorum=2).detail


def test_a_cosignature_that_does_not_fit(witnessed: tuple[Case, list[NoteKey]]) -> None:
    """One flipped bit in a cosignature, its time included, spoils the note."""
    case, (one, other, _) = witnessed
    note = read_note(case.files[CHECKPOINT])
    for place in (4, 11, 12, 75):
        blob = bytearray(note.signatures[1].blob)
        blob[place] ^= 1
        bad = type(note)(
            note.text, (note.signatures[0], type(note.signatures[1])(one.name, bytes(blob)), note.signatures[2])
        )
        step = last(case, case.signed_anew(case.files | {CHECKPOINT: bad.data}), one, other)
        assert (step.no, step.holds) == (12, False), place


def test_evidence_without_a_log_for_one_who_trusts_witnesses(witnessed: tuple[Case, list[NoteKey]]) -> None:
    """Whoever names witnesses is not content with evidence that has no checkpoint."""
    case, (one, *_) = witnessed
    files = {name: data for name, data in case.files.items() if not name.startswith("log/")}
    step = check_evidence(case.signed_anew(files), Trust(witnesses=(one.vkey,)))[-1]
    assert (step.no, step.holds) == (12, False)


def test_evidence_of_what_has_come_just_now(witnessed: tuple[Case, list[NoteKey]]) -> None:
    """Its witnesses are asked when it is made, not up to a minute later: who trusts them takes it at once."""
    case, (one, other, _) = witnessed
    services = case.services
    device = case.history.device("line-0")
    case.history.batch(device, download(slot=40))
    services.indexer.catch_up()
    before = services.witnesses.newest
    services.witnesses.start()
    newest = Case(services, case.history, make_evidence(services, "line-0"))
    after = services.witnesses.newest
    assert before is not None and after is not None
    assert after.size > before.size
    assert last(newest, newest.files, one, other, quorum=2).holds
