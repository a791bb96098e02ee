"""A criterion's table: each key is taken once and is what it must be, and none is left over."""

from collections.abc import Callable

import pytest

from shared.criteria.errors import CriterionError
from shared.criteria.table import Table


def test_what_is_there_is_given_once() -> None:
    """A key that was taken is gone, and nothing is left of a table that was read whole."""
    table = Table({"name": "x", "many": ["a", "b"], "n": 3, "span": [1, 2], "one": {}, "all": [{}, {}]}, "rule")
    assert "name" in table
    assert set(table.unread()) == {"name", "many", "n", "span", "one", "all"}
    assert table.text("name", ("x", "y")) == "x"
    assert "name" not in table
    assert table.texts("many") == ("a", "b")
    assert table.integer("n", 3, 3) == 3
    assert table.two_integers("span", 1) == (1, 2)
    assert table.table("one").place == "rule.one"
    assert [one.place for one in table.tables("all")] == ["rule.all[0]", "rule.all[1]"]
    assert table.tables("none") == ()
    assert table.unread() == ()
    table.close()


@pytest.mark.parametrize(
    ("raw", "take", "place", "said"),
    [
        pytest.param([], lambda table: table.close(), "rule", "must be a table", id="no table"),
        pytest.param({}, lambda table: table.text("a"), "rule.a", "is missing", id="missing"),
        pytest.param({"a": " "}, lambda table: table.text("a"), "rule.a", "text that is not empty", id="blank"),
        pytest.param({"a": 1}, lambda table: table.text("a"), "rule.a", "text that is not empty", id="no text"),
        pytest.param({"a": "z"}, lambda table: table.text("a", ("x", "y")), "rule.a", "known are x, y", id="unknown"),
        pytest.param({"a": []}, lambda table: table.texts("a"), "rule.a", "array that is not empty", id="empty"),
        pytest.param({"a": "x"}, lambda table: table.texts("a"), "rule.a", "array that is not empty", id="no array"),
        pytest.param({"a": ["x", "x"]}, lambda table: table.texts("a"), "rule.a", "something twice", id="twice"),
        pytest.param({"a": ["x", 1]}, lambda table: table.texts("a"), "rule.a[1]", "text that is", id="one no text"),
        pytest.param({"a": 4}, lambda table: table.integer("a", 1, 3), "rule.a", "from 1 to 3", id="too much"),
        pytest.param({"a": 0}, lambda table: table.integer("a", 1, 3), "rule.a", "from 1 to 3", id="too little"),
        pytest.param({"a": True}, lambda table: table.integer("a", 0), "rule.a", "must be an integer", id="a truth"),
        pytest.param({"a": 1.0}, lambda table: table.integer("a", 0), "rule.a", "must be an integer", id="a float"),
        pytest.param({"a": [1]}, lambda table: table.two_integers("a", 0), "rule.a", "of two", id="one integer"),
        pytest.param({"a": [1, 2, 3]}, lambda table: table.two_integers("a", 0), "rule.a", "of two", id="three"),
        pytest.param({"a": [1, -1]}, lambda table: table.two_integers("a", 0), "rule.a[1]", "from 0", id="below"),
        pytest.param({"a": 1}, lambda table: table.table("a"), "rule.a", "must be a table", id="no table below"),
        pytest.param({"a": [{}, 1]}, lambda table: table.tables("a"), "rule.a[1]", "must be a table", id="mixed"),
        pytest.param(
            {"b": 1, "a": 2}, lambda table: table.close(), "rule", "unknown key or parameter: a, b", id="left"
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    raw: object, take: Callable[[Table], object], place: str, said: str
) -> None:
    """Whatever a table holds that it must not is refused, by its place."""
    with pytest.raises(CriterionError) as caught:
        take(Table(raw, "rule"))
    assert caught.value.place == place
    assert said in caught.value.problem
