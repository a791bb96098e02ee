"""Adding a line: what is refused, what is the same, what contradicts."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fakes.history import CONTRACT

from collector.errors import BadRequest, Conflict
from collector.ledger.segments import read_entries
from collector.lines import add_subscriber
from collector.services import Services

LINE: dict[str, Any] = {
    "id": "anna",
    "time_zone": "Europe/Prague",
    "criterion": "cz-mobile-cert",
    "contract": CONTRACT,
    "area_class": "urban",
}


def test_added_once(services: Services) -> None:
    """The same line said twice is there once."""
    first, is_new = add_subscriber(services, LINE)
    again, is_new_again = add_subscriber(services, LINE)
    assert (first, is_new, is_new_again) == (again, True, False)
    assert (first.time_zone, first.area_class, first.contract) == ("Europe/Prague", "urban", CONTRACT)
    assert services.ledger.last_no == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"time_zone": "Europe/Berlin"},
        {"criterion": "de-fixed-2021"},
        {"area_class": "rural"},
        {"area_class": None},
        {"contract": {"down": CONTRACT["down"]}},
        {"contract": CONTRACT | {"down": {"advertised_bps": 1}}},
        {"contract": CONTRACT | {"down": CONTRACT["down"] | {"min_bps": 1}}},
    ],
)
def test_contradiction(services: Services, changed: dict[str, Any]) -> None:
    """A line that is there and says something else is a conflict, and stays as it was."""
    before, _ = add_subscriber(services, LINE)
    with pytest.raises(Conflict, match="anna"):
        add_subscriber(services, LINE | changed)
    assert services.registry.subscribers["anna"] == before
    assert services.ledger.last_no == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"id": ""}, {"id": "a" * 65}, {"id": "../etc"}, {"id": ".hidden"}, {"id": "a b"}, {"id": "ü"}, {"id": "a\n"},
        {"id": 7}, {"id": None},
        {"time_zone": "Mars/Olympus"}, {"time_zone": "../../etc/passwd"}, {"time_zone": "/etc/localtime"},
        {"time_zone": "Europe"}, {"time_zone": ""}, {"time_zone": "x" * 300}, {"time_zone": "a\0b"}, {"time_zone": 7},
        {"time_zone": None}, {"time_zone": ["Europe/Prague"]},
        {"criterion": "no-such-rule"}, {"criterion": ["cz-mobile-cert"]}, {"criterion": None}, {"criterion": {}},
        {"area_class": "moon"}, {"area_class": 7}, {"area_class": []},
        {"contract": None}, {"contract": {}}, {"contract": []}, {"contract": {"sideways": {"min_bps": 1}}},
        {"contract": {"down": {}}}, {"contract": {"down": 7}}, {"contract": {"down": {"min_bps": 0}}},
        {"contract": {"down": {"min_bps": -1}}}, {"contract": {"down": {"min_bps": 1.5}}},
        {"contract": {"down": {"min_bps": "40M"}}}, {"contract": {"down": {"min_bps": True}}},
        {"contract": {"down": {"min_bps": None}}}, {"contract": {"down": {"min_bps": 2**53}}},
        {"contract": {"down": {"speed": 1}}}, {"contract": {"down": {"time_zone": 1}}},
        {"unknown": 1},
    ],
    ids=str,
)  # fmt: skip
def test_nonsense(services: Services, changed: dict[str, Any]) -> None:
    """What nobody could judge later is refused, and nothing is kept."""
    with pytest.raises(BadRequest):
        add_subscriber(services, LINE | changed)
    assert services.ledger.last_no == 0


def test_two_at_once(services: Services) -> None:
    """Of contradicting lines of one id, said at one moment, one is kept and the others are told."""

    def add(speed_bps: int) -> bool:
        try:
            return add_subscriber(services, LINE | {"contract": {"down": {"min_bps": speed_bps}}})[1]
        except Conflict:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(add, range(1, 9))) == 1
    assert len(list(read_entries(services.ledger.folder))) == 1
