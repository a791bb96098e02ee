"""What the index reads from a record line is what `shared` says of it, read fast or member by member, whatever stands there."""

from fakes.streams import Streams
from hypothesis import given
from hypothesis import strategies as st
from odd_records import odd_members, paired_series
from strategies import record_members

from collector.samples import _radio_fields
from collector.store import queries
from collector.store.figures import MOST_BPS, loss_per_mille, plausible, rate_bps, rtt_median_us
from collector.store.project import Known, rows_of
from collector.store.questions import radio_of
from collector.store.rows import FactRow
from collector.store.said import read_loosely, said_of
from shared import kpi
from shared.grade import NOBODY
from shared.record import End, read_record, reread_record, write_record
from shared.strictjson import JsonObject

anything = st.one_of(odd_members(), paired_series(), record_members(0))


def line_of(members: JsonObject) -> bytes:
    """A record line without its LF."""
    return write_record({**members, "seq": 3})[:-1]


def row_of(members: JsonObject) -> FactRow:
    """The one row of a batch with this record."""
    streams, known = Streams(), Known()
    streams.line("line-0")
    entry = streams.batch(streams.device("line-0"), [members], 2**53)  # later than any clock can say
    rows_of(streams.entries[0][:2], known, NOBODY)
    (row,) = rows_of([entry], known, NOBODY).record
    return row


@given(members=anything)
def test_both_ways_of_reading_agree(members: JsonObject) -> None:
    """A record read by types says what it says read member by member."""
    line = line_of(members)
    fast, slow = said_of(line), read_loosely(read_record(line))
    assert bool(bytes(fast.co)) == bool(bytes(slow.co)) == ("co" in members)
    fast.co = slow.co
    assert fast == slow


@given(members=anything)
def test_figures_are_those_of_kpi(members: JsonObject) -> None:
    """Rate, round trip and loss are what `shared.kpi` computes from the same line."""
    line = line_of(members)
    record, said = read_record(line), said_of(line)
    assert rate_bps(said) == kpi.rate_bps(record)
    assert (rtt_median_us(said), loss_per_mille(said)) == (kpi.rtt_median_us(record), kpi.loss_per_mille(record))


@given(members=paired_series())
def test_a_rate_from_samples(members: JsonObject) -> None:
    """Samples that fit give a rate; the properties above are not about nothing."""
    rate = rate_bps(said_of(line_of(members)))
    assert rate == kpi.rate_bps(read_record(line_of(members)))
    assert rate is not None
    assert plausible(rate) == (rate if 0 <= rate <= MOST_BPS else None)


@given(members=anything)
def test_a_row_is_what_the_record_says(members: JsonObject) -> None:
    """Each column is the member as `shared.record` reads it."""
    row, record = row_of(members), reread_record(line_of(members))
    assert row.method == record.method
    assert row.end == (record.end.value if record.end else "unknown")
    for name in ("slot", "received_bytes", "dur_us"):
        assert getattr(row, name) == record.integer(name)
    for name in ("failure", "stage", "reason"):
        assert getattr(row, name) == record.text(name)
    assert row.at_us == (record.integer("wall_us") or 0)
    if record.integer("slot") is None:
        assert (row.campaign is None) == ("campaign" not in record.fields)
        assert row.campaign == record.text("campaign") or record.text("campaign") is None
        assert row.k == record.integer("k")
    else:
        assert (row.campaign, row.k) == (None, None)
    assert (row.grade is not None) == (record.method in {"download", "upload"} and record.end is not End.NOT_STARTED)


@given(members=anything)
def test_radio_facts_are_those_the_judge_reads(members: JsonObject) -> None:
    """From the columns the judge reads what it would read from the record."""
    row = row_of(members)
    primary = (
        row.radio, row.operator, row.area, row.cell, row.pci, row.channel, row.band, row.rsrp_dbm, row.rsrq_ddb, row.sinr_ddb,
    )  # fmt: skip
    told = radio_of((row.technology, row.sim_mccmnc, row.net_mccmnc, row.located), primary, row.signals)
    wanted = _radio_fields(reread_record(line_of(members)).fields)
    assert {"signals": ()} | _radio_fields({"radio": told}) == {"signals": ()} | wanted


def test_members_of_other_types_are_absent() -> None:
    """A record whose members are all of the wrong type is a row with nothing in it, and no error."""
    names = (
        "method",
        "end",
        "wall_us",
        "slot",
        "rtt_us",
        "flaws",
        "ctx",
        "radio",
        "t_us",
        "flow_bytes",
        "k",
        "campaign",
    )
    row = row_of({name: [[True]] for name in names})
    assert (row.method, row.end, row.at_us, row.flaws, row.network_type, row.radio) == (
        "",
        "unknown",
        0,
        None,
        None,
        None,
    )


def test_statements_have_the_columns_of_the_rows() -> None:
    """Each load statement names exactly the members of its row, or what is staged would be dropped in silence."""
    assert set(FactRow.__struct_fields__) == {
        name.strip(" \n'\"")
        for name in (
            part.rpartition(":")[0] for part in queries.LOAD["record"].partition("{")[2].partition("}")[0].split(",")
        )
    }
