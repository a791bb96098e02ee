"""When the batches of an evidence file were made, by witnesses that the reader trusts and nobody else's clock (T4, T5, T15)."""

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
from fakes.case import Case, step_of
from fakes.clock import FakeClock
from fakes.device import Device, download
from fakes.history import History
from fakes.scripted import ELSEWHERE, NEEDS_NODE, Scripts
from fakes.witness import FakeWitness, serving
from hypothesis import given
from hypothesis import strategies as st

from collector.config import Config
from collector.evidence.bundle import make_evidence
from collector.evidence.check import Step, check_evidence
from collector.evidence.dated import TIMES, WITNESSES, Mark, Seen, dated, seen_of
from collector.evidence.drawn import PLANS, WINDOWS
from collector.evidence.logged import CHECKPOINT, NO_TRUST, Trust
from collector.evidence.stamped import STAMPS
from collector.log.key import Witness
from collector.services import Services
from shared import strictjson
from shared.batch import open_batch
from shared.beacon import Beacon, beacon_of
from shared.checkpoint import Checkpoint
from shared.dsse import b64_exact
from shared.errors import Malformed
from shared.note import Note, NoteKey, read_note, sign
from shared.slots import SlotPlan, schedule_key

NOW_S = 1_800_000_000
DAY_S = 86_400
BOOT_S = NOW_S - 1000  # the device's steady clock began then


@dataclass
class Collector:
    """A collector with a witness, in one time."""

    services: Services
    witness: FakeWitness
    clock: FakeClock
    history: History
    device: Device
    now_s: int = NOW_S

    def waits(self, seconds: int) -> None:
        """Time passes."""
        self.now_s += seconds
        self.clock.advance(seconds * 1_000_000)
        self.witness.now_s = self.now_s

    def cosigned(self) -> None:
        """All that is there is cosigned, and the device hears of it at once."""
        self.services.indexer.catch_up()
        assert self.services.publisher.holds(self.services.publisher.files.size - 1, 20) is not None
        found = self.services.witnesses.go_round()
        assert found is not None
        mono_us = (self.now_s - BOOT_S) * 1_000_000
        self.device.beacon = beacon_of(found.note, self.services.log_key.public, self.key, mono_us).fields

    def measured(self, wall_off_s: int = 0, later_s: int = 5, **members: object) -> None:
        """A download, by a wall clock that is off, sent some seconds later."""
        at_s = self.now_s
        self.waits(later_s)
        self.device.sealed_mono_us = (self.now_s - BOOT_S) * 1_000_000
        record = download(
            wall_us=(at_s + wall_off_s) * 1_000_000, mono_us=(at_s - BOOT_S) * 1_000_000, slot=at_s // 900, **members
        )
        self.history.batch(self.device, record)

    @property
    def key(self) -> NoteKey:
        """The witness's."""
        return self.witness.notary.public

    def case(self) -> Case:
        """The evidence as it is now."""
        return Case(self.services, self.history, make_evidence(self.services, "line-0"))

    def step(self, case: Case, files: dict[str, bytes] | None = None, *, trusted: bool = True) -> Step:
        """How the step goes."""
        trust = Trust(witnesses=(self.key.vkey,) if trusted else ())
        return step_of(check_evidence(case.files if files is None else files, trust), "time")


@pytest.fixture
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """A collector whose log a witness cosigns, with one device; both have just begun."""
    with contextlib.ExitStack() as opened:
        witness = opened.enter_context(serving(FakeWitness()))
        clock = FakeClock()
        config = Config(data=tmp_path_factory.mktemp("data"), witness=(Witness(witness.url, witness.notary.public),))
        services = opened.enter_context(contextlib.closing(Services.over_folder(config, clock)))
        witness.logs[services.log_key.public.name] = services.log_key.public
        history = History(services)
        found = Collector(services, witness, clock, history, history.device("line-0"))
        found.waits(0)
        found.cosigned()
        yield found


def lively(collector: Collector) -> Case:
    """Four batches: one at once, one whose clock is three days fast, one sent two days late, and one that names nothing."""
    collector.waits(60)
    collector.measured()
    collector.waits(60)
    collector.cosigned()
    collector.measured(wall_off_s=3 * DAY_S)
    collector.cosigned()
    collector.measured(later_s=2 * DAY_S)
    collector.device.beacon = None
    collector.measured()
    collector.waits(60)
    collector.cosigned()
    return collector.case()


@pytest.mark.threat("T4", "T15")
def test_grades(collector: Collector) -> None:
    """Each batch is between what it names and when its leaf was seen; the case says the same, and whose clock was wrong."""
    case = lively(collector)
    step = collector.step(case)
    assert step.holds, step.detail
    assert step.detail.startswith("batches: 2 live, 1 offline, 1 undated; half of them are known within 2 minutes")
    assert "all that are known within 48.0 hours" in step.detail
    assert re.search(r"clock was wrong for 1 records, by 72\.0 hours at most$", step.detail), step.detail
    told = json.loads(case.files["case.json"])["times"][0]
    assert (told["live"], told["offline"], told["undated"], told["skewed"]) == (2, 1, 1, 1)
    assert abs(told["most_skew_us"] - 3 * DAY_S * 1_000_000) < 10_000_000


def test_whose_word_it_is(collector: Collector) -> None:
    """Who names no witnesses is told that these are the collector's; a witness who has seen nothing tells nothing."""
    case = lively(collector)
    assert collector.step(case, trusted=False).detail.endswith("compare them with what you were told")
    stranger = FakeWitness(7).notary.public.vkey
    steps = check_evidence(case.files, Trust(witnesses=(stranger, collector.key.vkey)))
    assert "2 live" in step_of(steps, "time").detail
    without = {name: data for name, data in case.files.items() if name not in {TIMES, WITNESSES}}
    assert "0 live, 0 offline, 4 undated" in collector.step(case, case.signed_anew(without)).detail
    bare = {name: data for name, data in case.unbundled.items() if not name.startswith("log/")}
    assert step_of(check_evidence(case.signed_anew(bare)), "time").detail == "no log tells when anything was made"


@pytest.mark.threat("T5")
def test_a_batch_that_is_older_than_its_beacon(collector: Collector) -> None:
    """A batch whose leaf was seen before the moment that it names, or that names a tree with itself in it, is refused."""
    collector.measured()
    collector.waits(600)
    collector.cosigned()
    collector.measured()
    collector.cosigned()
    case = collector.case()
    read = read_note(case.files[CHECKPOINT])
    early = sign(read.text, collector.witness.notary, NOW_S + 300)
    forged = Mark(Note(read.text, (read.signatures[0], early)).data, ())
    step = collector.step(case, case.signed_anew(case.files | {TIMES: forged.line}))
    assert (step.name, step.holds) == ("time", False)
    assert "in the log 305 s before it can have been made" in step.detail
    name = max(name for name in case.files if name.startswith("batches/"))
    batch = open_batch(case.files[name], lambda _: collector.device.key.public)
    origin = collector.services.log_key.public.name
    with pytest.raises(Malformed, match="and is leaf 0 itself"):
        dated([[batch]], {name: 0}, Seen(), [collector.key], origin, trusted=True)
    beacon = collector.device.beacon or {}
    said = replace(batch.said, predicate=batch.said.predicate | {"beacon": beacon | {"t_s": NOW_S}})
    with pytest.raises(Malformed, match=name):
        dated([[replace(batch, said=said)]], {}, Seen(), [collector.key], origin, trusted=True)


@pytest.mark.threat("T5")
def test_a_batch_that_names_a_tree_with_itself_in_it(collector: Collector) -> None:
    """What a witness cosigned of this log cannot be older than a batch that it holds: the two contradict each other."""
    origin = collector.services.log_key.public.name
    later = Checkpoint(origin, 99, bytes(32))
    cosigned = sign(later.text, collector.witness.notary, NOW_S)
    collector.device.beacon = Beacon(later, NOW_S, cosigned.blob).fields
    collector.measured()
    collector.cosigned()
    step = collector.step(collector.case())
    assert (step.name, step.holds) == ("time", False)
    assert re.search(r"names a checkpoint of 99 leaves, and is leaf \d+ itself$", step.detail), step.detail


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: b"{}\n",
        lambda _: b'{"hashes":[],"note":7}\n',
        lambda _: b'{"hashes":[],"note":"x"}\n',
        lambda _: b"nonsense\n",
        lambda line: line.replace(b'"hashes":["', b'"hashes":["AAAA","'),
        lambda line: line.replace(b"wit", b"wat"),
        lambda line: line.replace(b"\\n\\n", b"\\n7\\n\\n"),
    ],
)
def test_times_that_are_none(collector: Collector, spoil: Callable[[bytes], bytes]) -> None:
    """A line that is no cosigned checkpoint of this very log ends the check at this step, and is named."""
    for _ in range(2):
        collector.measured()
        collector.cosigned()
    case = collector.case()
    first, *others = case.files[TIMES].splitlines(keepends=True)
    assert others
    step = collector.step(case, case.signed_anew(case.files | {TIMES: spoil(first) + b"".join(others)}))
    assert (step.name, step.holds) == ("time", b"wat" in spoil(first))
    assert step.holds or "line 1" in step.detail
    assert not collector.step(case, case.signed_anew(case.files | {WITNESSES: b"no vkey\n"}), trusted=False).holds


@pytest.mark.threat("T2")
def test_starts_that_were_drawn(collector: Collector) -> None:
    """Anybody finds which slots began where a witness's cosignature of their day put them, and which did not."""
    plan, dev = SlotPlan(), collector.device.dev
    key = schedule_key(b64_exact((collector.device.beacon or {})["cosig"]))
    starts_s = {
        slot: plan.start_us(key, dev, slot) // 1_000_000 + 1 for slot in range(NOW_S // 900 + 1, NOW_S // 900 + 80)
    }
    early = [
        one for slot, one in starts_s.items() if one - slot * 900 < 400
    ]  # a test five minutes late is in the slot yet
    for one, off_s in zip(early, (0, 40, 300), strict=False):
        collector.waits(one + off_s - collector.now_s)
        collector.measured(drawn="beacon")
        collector.measured(drawn="beacon", method="fetch", later_s=90)  # of a slot only the first test counts
    for drawn in ("older", None):
        collector.waits(900)
        collector.measured(**({} if drawn is None else {"drawn": drawn}))
    collector.waits(2 * DAY_S)
    collector.measured(drawn="beacon")  # nothing was cosigned on that day
    collector.waits(DAY_S)
    collector.cosigned()
    case = collector.case()
    step = step_of(check_evidence(case.files), "starts")
    assert (step.name, step.holds) == ("starts", True)
    assert step.detail == (
        "1 slots begun at another moment than was drawn, 2 slots begun at the moment drawn for them, "
        "1 slots drawn by the device alone, 1 slots drawn from an older checkpoint, 1 slots whose draw cannot be made again here"
    )


def test_a_witness_whose_signature_has_no_time(collector: Collector) -> None:
    """A key that signs without a time, as a log's does, vouches for no moment and draws nothing."""
    collector.measured(drawn="beacon")
    collector.cosigned()
    case, log = collector.case(), collector.services.log_key.public
    steps = check_evidence(case.signed_anew(case.files | {WITNESSES: log.vkey.encode() + b"\n"}))
    assert step_of(steps, "starts").detail == "1 slots whose draw cannot be made again here"
    assert "0 live, 0 offline, 1 undated" in step_of(steps, "time").detail


@NEEDS_NODE
def test_what_time_stamps_add_the_page_does_not_know(collector: Collector, node: Scripts) -> None:
    """With time-stamps of checkpoints in the file the page says that it has not checked when its batches were made."""
    collector.measured()
    collector.cosigned()
    files = collector.case().files
    for stamps, state in ((b"", "holds"), (b"{}\n", "unchecked")):
        changed = collector.case().signed_anew(files | {STAMPS: stamps})
        (told,) = (one for one in node.check(changed, NO_TRUST, None)["ok"]["steps"] if one["name"] == "time")
        assert (told["state"], told["detail"] == ELSEWHERE) == (state, state == "unchecked")


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        (WINDOWS, b'{"day":1}\n', "line 1"),
        (WINDOWS, b'{"day":1,"note":"x"}\n', "line 1"),
        (WINDOWS, b"x\n", "line 1"),
        (PLANS, 7, "no table"),
        (PLANS, {"x": 7}, "no table"),
        (PLANS, {"x": {"slot_s": 5, "guard_s": 9}}, "plan of x"),
    ],
)
def test_draws_that_are_none(collector: Collector, name: str, data: object, why: str) -> None:
    """What is no cosigned checkpoint, and no plan, is named."""
    collector.measured()
    collector.cosigned()
    case = collector.case()
    if isinstance(data, bytes):
        files = case.signed_anew(case.files | {name: data})
    else:
        manifest = json.loads(case.files["manifest.json"]) | {name: data}
        files = case.signed_anew(case.files | {"manifest.json": strictjson.encode(manifest) + b"\n"})
    step = step_of(check_evidence(files), "starts")
    assert (step.name, step.holds) == ("starts", False)
    assert why in step.detail


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=12), st.integers(0, 50))
def test_the_earliest_that_has_it(marks: list[tuple[int, int]], index: int) -> None:
    """Of all that say how large the log was when, the earliest that has a leaf tells; in whatever order they come."""
    seen = seen_of(marks)
    assert seen.until_us(index) == min((time_us for size, time_us in marks if size > index), default=None)
    assert seen.until_us(None) is None
    assert list(seen.sizes) == sorted(set(seen.sizes))
