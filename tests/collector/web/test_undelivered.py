"""What a peer has signed and the device never told of is on the page and in the command's words, or nothing is said."""

from collections.abc import Callable
from dataclasses import asdict

from collector.view import CaseView, TransfersView, UndeliveredRow
from collector.web.page import render_page
from collector.web.undelivered import LIMIT, MOST_SHOWN, lines_of

MakeCase = Callable[..., CaseView]
ROW = UndeliveredRow(
    "ab" * 32, 7, "sid", "cd" * 32, "down", 1_800_000_000_000_000, 1_800_000_001_000_000, 1_252_000, "passed_over"
)


def test_the_page_tells_each_transfer(make_case: MakeCase) -> None:
    """Start, direction, the server's count and why it is told of are there, and the two cases are told apart."""
    later = UndeliveredRow(**asdict(ROW) | {"seq": 9, "standing": "overdue", "bytes": None})
    page = render_page(make_case(transfers=TransfersView({"passed_over": 1}, (ROW, later))), ())
    assert "Started, never delivered" in page
    assert (
        "2 transfers (1: nothing of this device from this start on has come for more than a day; 1: later batches came"
        in page
    )
    assert "<td>7</td><td>Download, 1.2 MB by the server’s count</td><td>later batches came" in page
    assert "<td>9</td><td>Download</td><td>nothing of this device from this start on" in page
    assert LIMIT in page


def test_nothing_is_said_of_what_is_accounted_for(make_case: MakeCase) -> None:
    """Where every transfer is accounted for, neither page nor command has a word on it."""
    assert "never delivered" not in render_page(make_case(transfers=TransfersView({"delivered": 3})), ())
    assert lines_of(asdict(TransfersView({"delivered": 3}))) == []


def test_many_are_cut(make_case: MakeCase) -> None:
    """Of very many transfers the newest are on the page, and how many there are is said."""
    many = tuple(
        UndeliveredRow(**asdict(ROW) | {"seq": n, "began_us": ROW.began_us + n}) for n in range(MOST_SHOWN + 5)
    )
    page = render_page(make_case(transfers=TransfersView({}, many)), ())
    assert f"Each transfer (the newest {MOST_SHOWN})" in page
    assert f"{MOST_SHOWN + 5} transfers (" in page
    assert "<td>4</td>" not in page
    head, numbers = lines_of(asdict(TransfersView({}, many)))
    assert head.startswith(f"started, never delivered: {MOST_SHOWN + 5} transfers (")
    assert numbers.endswith(" and 5 more")
