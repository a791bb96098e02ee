"""What became of a transfer of which there is a peer's word."""

import itertools

import pytest

from shared.delivery import NEVER_DELIVERED, PATIENCE_US, Standing, can_be, one_for_each, standing_of
from shared.transfer import Direction

DOWN, UP = Direction.DOWN, Direction.UP
OK = ("download", "ok")
LATE_US = PATIENCE_US + 1


def found(told: list[tuple[str, str]], direction: Direction = DOWN, **changed: object) -> Standing:
    """The standing of a numbered transfer that ended long ago."""
    rest: dict[str, object] = {"other": False, "passed": False, "removed": False, "numbered": True, "age_us": LATE_US}
    return standing_of(direction, told, **rest | changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "changed", "standing"),
    [
        ([OK], {}, "delivered"),
        ([("download", "failed")], {"passed": True}, "delivered"),
        ([("download", "aborted")], {"removed": True}, "delivered"),
        ([("loaded_latency", "ok")], {}, "delivered"),
        ([("loaded_latency", "ok")], {"direction": UP}, "delivered"),
        ([("latency", "ok"), OK], {}, "delivered"),
        ([], {"removed": True, "passed": True}, "removed"),
        ([("download", "not_started")], {"passed": True}, "denied"),
        ([("latency", "ok")], {"passed": True}, "denied"),
        ([("mark", "ok")], {"passed": True}, "denied"),
        ([("upload", "ok")], {"passed": True}, "denied"),
        ([OK], {"direction": UP, "passed": True}, "denied"),
        ([], {"other": True, "passed": True}, "denied"),
        ([OK], {"other": True}, "delivered"),
        ([], {"passed": True}, "passed_over"),
        ([], {"passed": True, "age_us": 0}, "passed_over"),
        ([], {}, "overdue"),
        ([], {"age_us": PATIENCE_US}, "awaited"),
        ([], {"numbered": False}, "awaited"),
    ],
)
def test_standing(told: list[tuple[str, str]], changed: dict[str, object], standing: str) -> None:
    """Each standing is chosen by what was received for the number, in the order of the table."""
    assert found(told, **changed) == standing  # type: ignore[arg-type]


def test_a_record_that_denies_never_helps() -> None:
    """Whatever record a device delivers in place of the true one, its transfer is delivered only if it can be about it."""
    for method, end in itertools.product(("download", "upload", "presence", "path"), ("ok", "not_started")):
        standing = found([(method, end)], passed=True)
        assert (standing is Standing.DELIVERED) == can_be(DOWN, method, end) == (standing not in NEVER_DELIVERED)


def test_time_alone_turns_waiting_into_overdue() -> None:
    """A transfer that is not delivered is never taken back to waiting by more time."""
    order = [found([], age_us=age_us) for age_us in (0, PATIENCE_US, LATE_US, 10 * LATE_US)]
    assert order == [Standing.AWAITED, Standing.AWAITED, Standing.OVERDUE, Standing.OVERDUE]


def test_one_record_is_about_one_transfer() -> None:
    """Of several transfers for one start only the first is delivered; other starts, and other standings, stay as they are."""
    told = [("a", Standing.DELIVERED), ("b", Standing.DELIVERED), ("a", Standing.DELIVERED), ("a", Standing.OVERDUE)]
    assert one_for_each(told) == ["delivered", "delivered", "denied", "overdue"]
