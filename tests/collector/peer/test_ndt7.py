"""ndt7's queries and texts, without a socket."""

import random

import pytest

from collector.peer.errors import BadRequest
from collector.peer.loadtest import Direction, LoadTest, Plan
from collector.peer.ndt7 import CONGESTION, DIALECT, DURATION_US, PAUSES, parse_plan, words

CONNECTION = {"Client": "c", "Server": "s", "UUID": "u", "StartTime": "t", "CC": "bbr"}


def test_a_client_of_the_specification_gets_the_full_test() -> None:
    """Without our fields the test has the specification's length and no cap; metadata is let through."""
    plan = parse_plan({"client_name": "x", "client_version": "1"})
    assert plan == Plan(DURATION_US, PAUSES, congestion=CONGESTION)
    assert (plan.max_bytes, plan.acked_bytes, plan.wake_us, plan.burst_bytes) == (None, None, 0, 0)


def test_all_fields_of_a_plan() -> None:
    """Each field that has a meaning arrives in the plan."""
    plan = parse_plan({"max_ms": "250", "max_bytes": "1000", "early_exit": "250"})
    assert (plan.duration_us, plan.max_bytes, plan.acked_bytes) == (250_000, 1000, 250_000_000)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("early_exit", "249"),
        ("early_exit", ""),
        ("early_exit", "250.0"),
        ("max_ms", "0"),
        ("max_ms", "10001"),
        ("max_ms", "-1"),
        ("max_ms", "1e3"),
        ("max_bytes", "0"),
        ("max_bytes", ""),
        ("max_bytes", "9007199254740992"),
    ],
)
def test_bad_plans(name: str, value: str) -> None:
    """A field with a meaning and a wrong value is refused by name, not ignored."""
    with pytest.raises(BadRequest, match=name):
        parse_plan({name: value})


def test_a_text_has_the_names_of_the_specification() -> None:
    """A text carries who, what, how much and since when; how the peer sends stands in the first only."""
    test = LoadTest(Direction.UPLOAD, parse_plan({}), random.Random(1))
    test.moved(8192)
    told: dict[str, object] = {
        "AppInfo": {"ElapsedTime": 1234, "NumBytes": 8192},
        "ConnectionInfo": {"Client": "c", "Server": "s", "UUID": "u", "StartTime": "t"},
        "Origin": "server",
        "TCPInfo": {"BytesReceived": 9000, "ElapsedTime": 1234},
        "Test": "upload",
    }
    assert words(test, 1234, CONNECTION, {"BytesReceived": 9000}, first=True) == told | {"CC": "bbr"}
    assert words(test, 1234, CONNECTION, {"BytesReceived": 9000}, first=False) == told


def test_what_the_kernel_does_not_tell_is_left_out() -> None:
    """No figures of the kernel and no name of its congestion control: no member for them, rather than an empty one."""
    test = LoadTest(Direction.DOWNLOAD, parse_plan({}), random.Random(1))
    text = words(test, 0, CONNECTION | {"CC": ""}, {}, first=True)
    assert set(text) == {"AppInfo", "ConnectionInfo", "Origin", "Test"}


def test_its_place() -> None:
    """The paths and the subprotocol are the specification's."""
    assert (DIALECT.root, DIALECT.subprotocol) == ("/ndt/v7", "net.measurementlab.ndt.v7")
