"""Every engine behind the store port gives the same answers, whatever was loaded, compacted and reopened in which order."""

import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes import postgres
from fakes.cosign import PEER, SID, download
from fakes.device import Device
from fakes.engines import ENGINES, LAKE, open_engine
from fakes.streams import Streams
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from odd_records import odd_members

from collector.errors import IndexLags
from collector.ledger.frame import EntryKind
from collector.store.grading import session_no
from collector.store.port import Store
from collector.store.rows import MADE
from collector.view import RemovedRow
from shared.grade import session_of, trusting
from shared.strictjson import JsonObject

RUN_ROWS = 4
LINES = ("line-0", "line-1")
DAY_US = 86_400_000_000
OTHER_SID = "01JD8Z7Q4T9XK2M5N6P7R8S9T1"
moments = st.integers(1, 20)  # few, so that ties and a clock set back happen
PAUSED: JsonObject = {"end": "not_started", "method": "latency", "reason": "paused", "slot": 1, "wall_us": DAY_US}
members = st.one_of(odd_members(), odd_members(), st.sampled_from(["first", "second", "third"]))


def answers(store: Store, devs: Sequence[str]) -> dict[str, Any]:
    """Everything that can be asked."""
    found: dict[str, Any] = {"loaded": [store.loaded_no(stream) for stream in (0, 1)]}
    for line in (*LINES, "nobody"):
        for name in (
            "timeline",
            "radio",
            "notes",
            "campaigns",
            "counts",
            "grades",
            "devices",
            "complaints",
            "alarms",
            "removed",
            "transfers",
        ):
            found[f"{name} {line}"] = getattr(store, name)(line)
        found[f"places {line}"], found[f"days {line}"] = store.places(line), store.line_days(line)
        found[f"later {line}"] = (
            store.timeline(line, DAY_US),
            store.radio(line, DAY_US),
            store.line_days(line, DAY_US),
        )
        found[f"own days {line}"] = store.local_days(line, [0, DAY_US // 2, DAY_US, 3 * DAY_US])
    for dev in (*devs, "0" * 64):
        found[f"some slots {dev}"] = store.filled_slots(dev, 1, 4)
        found[f"slots {dev}"], found[f"accepted {dev}"] = store.filled_slots(dev), store.accepted(dev, 0)
    for direction in ("down", "round_trip"):
        found[f"hours {direction}"] = store.cell_hours(0, 4 * DAY_US, direction)
        found[f"worst {direction}"] = store.worst_cells(0, 4 * DAY_US, direction, 1, 1, most=3)
    found["two hours"] = store.cell_hours(0, 2**53, "down", most=2)
    found["hours of two"] = store.cell_hours(0, 2**53, "round_trip", least_devices=2)
    found["worst of many"] = store.worst_cells(0, 4 * DAY_US, "round_trip", 2, 1, most=3)
    found["worst of two"] = store.worst_cells(0, 4 * DAY_US, "down", 1, 2, most=3)
    for operator in ("23001", "23002", None):
        found[f"cell {operator}"] = store.cell_days(operator, 1)
        found[f"its hours {operator}"] = store.cell_hours_of(operator, 1, 0, 4 * DAY_US)
    found["operators"] = [store.cell_operators(cell) for cell in (0, 1, 9)], store.cell_operators(1, most=1)
    found["heard"] = [store.heard(at_us) for at_us in (0, 5, 10, 21)]
    with store.moment() as moment:
        found["moment"] = [moment.timeline(line) for line in LINES], moment.fleet(0)
    found["complained"] = store.complained()
    found["left"] = [store.left_of(after_no, 2**53, stream) for stream in (0, 1) for after_no in (0, 3)]
    found["newest"] = [store.newest_us(after_no, 6, stream) for stream in (0, 1) for after_no in (0, 3)]
    found["held"] = [store.held_batches(after_no, 2**53, stream) for stream in (0, 1) for after_no in (0, 3)]
    sessions = [session_no(session_of(dev, PEER.public.key_id, sid)) for dev in devs for sid in (SID, "no ulid")]
    found["known transfers"] = store.known_transfers(sessions), store.known_transfers([])
    numbers = range(1, max(found["loaded"]) + 2)
    found["made"] = [store.rows_made(table, numbers, stream) for stream in (0, 1) for table in MADE]
    found["fleet"], found["later fleet"] = store.fleet(0), store.fleet(10, most=1)
    return found


class Engines(RuleBasedStateMachine):
    """The engines beside each other, given the same."""

    names = ("plain Python", "DuckDB")

    def __init__(self) -> None:
        """Open one of each."""
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.peers = trusting([PEER.public])
        self.stores = {name: self._open(name) for name in self.names}
        self.streams = Streams()
        self.is_changed = True

    def _open(self, name: str) -> Store:
        folder = Path(self.folder.name) / name
        folder.mkdir(exist_ok=True)
        return open_engine(name, folder, self.peers, RUN_ROWS)

    @initialize()
    def lines(self) -> None:
        """Two lines, the first with a device, which all engines know of."""
        for line in LINES:
            self.streams.line(line)
        self.streams.device(LINES[0])
        for store in self.stores.values():
            store.load(self.streams.entries[0])

    @rule(line=st.sampled_from(LINES))
    def enrol(self, line: str) -> None:
        """One more device."""
        self.streams.device(line)

    def _device(self, number: int) -> Device:
        return self.streams.devices[number % len(self.streams.devices)]

    @rule(
        number=st.integers(0, 3),
        told=st.lists(members, min_size=1, max_size=4),
        at_us=moments,
        stream=st.integers(0, 1),
        lost=st.integers(0, 1),
    )
    def batch(self, number: int, told: "list[JsonObject | str]", at_us: int, stream: int, lost: int) -> None:
        """A batch into one of the streams; some records bear a peer's word, perhaps one that another has borne."""
        device = self._device(number)
        sids = {"first": SID, "second": OTHER_SID, "third": "no ulid"}
        records = [
            download(device.dev, sid=sids[one], rwnd_limited_pm=900 if one == "second" else 3)
            | {"radio": {"signals": [{"cell": 1}]}}
            if isinstance(one, str)
            else one
            for one in told
        ]
        self.streams.batch(device, records, at_us, stream, lost)

    @rule(
        number=st.integers(0, 3),
        at_us=moments,
        stream=st.integers(0, 1),
        sid=st.sampled_from([SID, OTHER_SID, "no ulid"]),
        seq=st.none() | st.integers(0, 6),
        t_us=moments,
    )
    def transfer(self, number: int, at_us: int, stream: int, sid: str, seq: int | None, t_us: int) -> None:
        """A peer's word, perhaps on a start whose record is there, or comes, or never does; perhaps in both ledgers."""
        self.streams.transfer(self._device(number), at_us, stream, sid=sid, seq=seq, t_us=t_us)

    @rule(
        number=st.integers(0, 3), at_us=moments, stream=st.integers(0, 1), error=st.sampled_from(["chain_fork", "bad"])
    )
    def refused(self, number: int, at_us: int, stream: int, error: str) -> None:
        """A batch kept aside."""
        self.streams.refused(self._device(number), error, at_us, stream)

    @rule(number=st.integers(0, 3), at_us=moments, line=st.sampled_from(LINES))
    def complaint(self, number: int, at_us: int, line: str) -> None:
        """A complaint."""
        self.streams.complaint(self._device(number), line, f"slow at {at_us}", at_us)

    @rule(
        line=st.sampled_from(LINES),
        told=st.lists(odd_members(), min_size=1, max_size=3),
        at_us=moments,
        stream=st.integers(0, 1),
    )
    def imported(self, line: str, told: list[JsonObject], at_us: int, stream: int) -> None:
        """An import."""
        self.streams.imported(line, told, at_us, stream)

    @rule(stream=st.integers(0, 1), most=st.integers(1, 6), again=st.integers(0, 2))
    def load(self, stream: int, most: int, again: int) -> None:
        """Some entries more, a few of them given once again; or none, if they speak of what no engine has heard of."""
        loaded, outcomes = self.stores[self.names[-1]].loaded_no(stream), set()
        for store in self.stores.values():
            try:
                store.load(self.streams.entries[stream][max(0, loaded - again) : loaded + most], stream)
                outcomes.add("loaded")
            except IndexLags:
                outcomes.add("lags")
        assert len(outcomes) == 1
        self.is_changed = True

    @rule(stream=st.integers(0, 1), picks=st.lists(st.integers(0, 20), min_size=1, max_size=4))
    def forget(self, stream: int, picks: list[int]) -> None:
        """Some batches' records are removed, from the index and, as retention does it, from the ledger."""
        ledger, loaded = self.streams.entries[stream], self.stores[self.names[-1]].loaded_no(stream)
        batches = [one.no for one in ledger[:loaded] if one.kind is EntryKind.BATCH]
        numbers = sorted({batches[pick % len(batches)] for pick in picks}) if batches else []
        if numbers:
            left = self.stores[self.names[0]].left_of(0, loaded, stream)
            assert len({store.forget(numbers, stream) for store in self.stores.values()}) == 1
            assert {store.forget(numbers, stream) for store in self.stores.values()} == {0}
            self.streams.remove(numbers, left, stream)
            self.is_changed = True

    def made_anew(self) -> dict[str, Any]:
        """What an index says that is made from the ledgers as they are now."""
        devs = [device.dev for device in self.streams.devices]
        with tempfile.TemporaryDirectory() as folder:
            store = open_engine("DuckDB", Path(folder), self.peers, RUN_ROWS)
            with contextlib.closing(store):
                for stream, entries in self.streams.entries.items():
                    store.load(entries[: self.stores[self.names[0]].loaded_no(stream)], stream)
                return answers(store, devs)

    @rule()
    def compact(self) -> None:
        """A run, if there is enough for one."""
        assert len({store.compact() for store in self.stores.values()}) == 1
        self.is_changed = True

    @rule()
    def reopen(self) -> None:
        """Close what lasts and open it again."""
        for name in self.names:
            if ENGINES[name].lasts:
                self.stores[name].close()
                self.stores[name] = self._open(name)
        self.is_changed = True

    @invariant()
    def same_answers(self) -> None:
        """Whatever is asked, all say the same, after whatever was done to them; what is only sent changes nothing."""
        if self.is_changed:
            self.ask_all()

    def ask_all(self) -> None:
        """Ask every engine everything."""
        devs = [device.dev for device in self.streams.devices]
        wanted, *others = (answers(store, devs) for store in self.stores.values())
        for found in others:
            assert found == wanted
        self.is_changed = False

    def teardown(self) -> None:
        """All say the same in the end, and so does an index made anew. Close all."""
        try:
            if self.is_changed:
                self.ask_all()
            devs = [device.dev for device in self.streams.devices]
            assert self.made_anew() == answers(self.stores[self.names[0]], devs)
        finally:
            for store in self.stores.values():
                store.close()
            self.folder.cleanup()


TestEngines = pytest.mark.slow(Engines.TestCase)
TestEngines.settings = settings(
    max_examples=8,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class LakeEngines(Engines):
    """The same with a lake, which takes longer: it is asked after every few steps, and in the end."""

    names = ("plain Python", LAKE)
    step = 0

    @invariant()
    def same_answers(self) -> None:
        """Whatever is asked, both say the same."""
        self.step += 1
        if self.step % 6 == 0:
            super().same_answers()


if postgres.missing() is None:
    TestLakeEngines = pytest.mark.slow(LakeEngines.TestCase)
    TestLakeEngines.settings = settings(TestEngines.settings, max_examples=2, stateful_step_count=12)


def test_what_lasts_is_there_again(tmp_path: Path) -> None:
    """An engine over a folder knows there what the one before it knew."""
    streams = Streams()
    streams.line("line-0")
    device = streams.device("line-0")
    streams.batch(device, [download(device.dev)] * 12, 5)
    for name, engine in ENGINES.items():
        if engine.lasts and not (name == LAKE and postgres.missing()):
            (tmp_path / name).mkdir()
            for moved in (12, 0):
                with contextlib.closing(open_engine(name, tmp_path / name)) as store:
                    store.load(streams.entries[0])
                    assert store.compact() == moved
                    assert len(store.timeline("line-0")) == 12


@pytest.mark.slow
@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("is_compacted", [False, True])
def test_what_is_forgotten_leaves_its_figures(tmp_path: Path, name: str, is_compacted: bool) -> None:
    """Forgotten records are in no answer but the figures of days; their sessions stay used; made anew it is the same."""
    if name == LAKE and postgres.missing():
        pytest.skip(str(postgres.missing()))
    streams = Streams()
    streams.line("line-0")
    device = streams.device("line-0")
    there: JsonObject = {"radio": {"net_mccmnc": "23001", "signals": [{"cell": 1}]}}
    first = streams.batch(device, [download(device.dev, sid=SID) | there, download(device.dev) | there, PAUSED], 5)
    other = streams.batch(device, [PAUSED] * 2, 6, lost=1)
    streams.batch(device, [download(device.dev, sid=OTHER_SID) | there], 7)
    peers, (one, two) = trusting([PEER.public]), (tmp_path / "one", tmp_path / "two")
    for folder in (one, two):
        folder.mkdir()
    with contextlib.closing(open_engine(name, one, peers, 1 if is_compacted else 100)) as store:
        store.load(streams.entries[0])
        assert (store.compact() > 0) == is_compacted
        days = store.line_days("line-0"), store.cell_days("23001", 1)
        assert [len(some) > 0 for some in days] == [True, True]
        left = store.left_of(0, store.loaded_no())
        assert [no for no in left if left[no].sessions] == [first.no, other.no + 1]
        assert store.forget([first.no]) == 3
        assert store.forget([first.no]) == 0
        assert store.forget([]) == 0
        assert store.forget([first.no, other.no]) == 2
        assert (store.line_days("line-0"), store.cell_days("23001", 1)) == days
        assert [row.seq for row in store.timeline("line-0")] == [6]
        assert [(row.gone, row.found) for row in store.held_batches(0, 9)] == [(True, 0), (True, 0), (False, 1)]
        assert [(row.batches, row.lost) for row, _ in store.devices("line-0")] == [(3, 1)]
        assert store.removed("line-0") == [RemovedRow(device.dev, 2, 5, 0, 5, 6)]
        assert store.accepted(device.dev, 0) is not None
        assert store.left_of(0, other.no) == {}
        streams.remove([first.no, other.no], left)
        streams.batch(device, [download(device.dev, sid=SID)], 8)
        store.load(streams.entries[0])
        assert store.timeline("line-0")[-1].grade_reason == "session_reused"
        wanted, digest = answers(store, [device.dev]), store.digest()
    with contextlib.closing(open_engine(name, two, peers)) as again:
        for end in range(1, len(streams.entries[0]) + 1):
            again.load(streams.entries[0][:end])
        assert answers(again, [device.dev]) == wanted
        if name != "plain Python":
            assert again.digest() == digest
