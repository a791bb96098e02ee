"""Whatever a stranger's program writes is read within limits, or refused."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.platform import windows
from probe.radio import hilink, mmcli, modemmanager, termux
from probe.radio.strangers import MOST_CHARACTERS, few_words, items, members, read_json, read_leaves
from probe.radio.written import read_cells, write_cells
from probe.surroundings import Cell

BILLION_LAUGHS = '<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><response><rsrp>&b;</rsrp></response>'
FETCHING = '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><response><pci>&x;</pci></response>'

json_text = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["--", "true", "-97.00", "8.4", "lte", "84CD"])
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "registered",
                    "mcc",
                    "mnc",
                    "ci",
                    "tac",
                    "pci",
                    "rsrp",
                    "dbm",
                    "bands",
                    "network_operator",
                    "network_type",
                    "data_state",
                    "latitude",
                    "elapsedMs",
                    "percentage",
                    "serving",
                    "cell-type",
                    "State",
                    "RegistrationState",
                    "AccessTechnologies",
                    "Connected",
                    "Lte",
                    "adapters",
                    "InterfaceType",
                    "cost",
                    "Name",
                    "modem",
                    "generic",
                    "3gpp",
                    "signal",
                    "lte",
                    "state",
                    "access-technologies",
                    "operator-code",
                    "cells",
                    "mono_us",
                    "radio",
                    "cell",
                    "error",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(json_text)
def test_any_json_gives_values_or_is_refused(told: object) -> None:
    """Every JSON that a command may print gives a value of ours; no reader fails on its shape."""
    radio = termux.phone(told)
    termux.primaries(termux.with_cells(radio, told))
    termux.wifi(told)
    termux.battery(told)
    termux.place(told)
    said = members(told)
    modemmanager.radio(said, said, said, [said], told)
    modemmanager.cells(told)
    windows.glimpse_in(said, "Ethernet")


@given(json_text.map(json.dumps) | st.text(max_size=40))
def test_any_text_gives_values_or_a_value_error(text: str) -> None:
    """Every text gives values, or a ValueError with words; nothing else is raised."""
    for read in (
        termux.answer,
        mmcli.modems,
        mmcli.bearers_of,
        mmcli.sim_of,
        mmcli.cells,
        lambda its: mmcli.radio(its, its, (its,), its),
        lambda its: read_cells(its, 10**9),
        hilink.leaves,
    ):
        with contextlib.suppress(ValueError):
            read(text)  # type: ignore[operator]


@given(st.text("<>/&!abc=\"' 0", max_size=60))
def test_any_xml_gives_leaves_or_a_value_error(text: str) -> None:
    """Whatever looks like XML gives plain leaves without markup, or is refused."""
    with contextlib.suppress(ValueError):
        for leaf in read_leaves(text).values():
            assert not set(leaf) & set("<>&")


@pytest.mark.parametrize(
    "text", [BILLION_LAUGHS, FETCHING, "<a><![CDATA[x]]></a>", "<!-- x -->", "x" * (MOST_CHARACTERS + 1)]
)
def test_what_expands_or_fetches_is_refused(text: str) -> None:
    """A document type, an entity, a comment or a flood is refused before anything of it is read."""
    with pytest.raises(ValueError, match=r"declaration|longer"):
        read_leaves(text)


def test_leaves_are_plain_and_single() -> None:
    """A leaf that stands there twice, holds an entity or another element, or has an attribute is left out."""
    text = "<response><a>1</a><b>&gt;=-51dBm</b><c>1</c><c>2</c><d x='1'>3</d><e><f>4</f></e><g/></response>"
    assert read_leaves(text) == {"a": "1", "f": "4"}


def test_json_that_is_too_deep_or_too_long_is_refused() -> None:
    """Nesting without end is refused like any other fault, and so is a flood."""
    for text in ("[" * 100_000, "x" * (MOST_CHARACTERS + 1), "9" * 5_000, "", "{"):
        with pytest.raises(ValueError, match=r".*"):
            read_json(text)


def test_words_for_a_record_are_few_and_plain() -> None:
    """Somebody else's words become one short line of printable ASCII."""
    assert few_words("a\n\tb\x00 ü" + "c" * 99) == "a b ?" + "c" * 75
    assert members([1]) == {}
    assert items({"a": 1}) == []


cells = st.builds(
    Cell,
    st.sampled_from(["2g", "3g", "lte", "nr"]),
    mccmnc=st.none() | st.just("00101"),
    area=st.none() | st.integers(1, 0xFFFD),
    cell=st.none() | st.integers(1, 0xFFFE),
    pci=st.none() | st.integers(0, 63),
    rsrp_dbm=st.integers(-156, -31),
    rsrq_ddb=st.none() | st.integers(-430, 200),
    sinr_ddb=st.none() | st.integers(-230, 400),
)


@given(st.lists(cells, max_size=8), st.integers(0, 10**12), st.integers(0, 30_000_000))
def test_written_cells_come_back(told: list[Cell], mono_us: int, later_us: int) -> None:
    """What is written is read back exactly while it is fresh."""
    assert read_cells(write_cells(told, mono_us), mono_us + later_us) == tuple(told)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (write_cells([], 5), "s old"),
        (write_cells([], 10**12), "no known moment"),
        ('{"cells": []}', "no known moment"),
        ('{"cells": [], "mono_us": true}', "no known moment"),
        ("[]", "no known moment"),
    ],
)
def test_cells_of_another_moment_are_refused(text: str, why: str) -> None:
    """Cells that are old, of the future or of no moment are refused."""
    with pytest.raises(ValueError, match=why):
        read_cells(text, 40_000_000)


def test_written_by_whom_it_may() -> None:
    """A file that somebody else has written gives cells that can be, or none."""
    text = '{"mono_us": 0, "cells": [{"radio": "6g"}, 7, {"radio": "lte", "rsrp_dbm": 2147483647, "rsrq_ddb": 99999999, "pci": 416}]}'
    assert read_cells(text, 0) == (Cell("lte", pci=416),)
