"""Fleet, cells and days over HTTP: the same as the commands, for programs and for browsers, and clear about what cannot be."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fakes.fleet import END_US, lived
from fakes.running import running
from fakes.served import Answer, Client, Served, serving

from scripts.simulated_fleet import FEW, FLEET, SLOW

CELL = f"23001-{SLOW}"
PATHS = {
    "/v1/fleet": ("fleet", {}),
    "/v1/fleet?since=2d&most=3": ("fleet", {"since": "2d", "most": 3}),
    "/v1/cells?since=2d": ("cells", {"since": "2d"}),
    "/v1/cells?since=2d&hours=true&direction=round_trip&most=2": (
        "cells",
        {"since": "2d", "hours": True, "direction": "round_trip", "most": 2},
    ),
    f"/v1/cells/{CELL}?since=6h": ("cells", {"cell": CELL, "since": "6h"}),
    "/v1/cells/23001-1?since=6h": ("cells", {"cell": "23001-1", "since": "6h"}),
    "/v1/lines/line-01/days": ("days", {"subscriber": "line-01"}),
    "/v1/lines/line-01/days?since=2026-11-21%20Europe/Prague": (
        "days",
        {"subscriber": "line-01", "since": "2026-11-21 Europe/Prague"},
    ),
    "/v1/lines/nobody/days": ("days", {"subscriber": "nobody"}),
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A collector that listens, with a fleet behind it."""
    with lived(tmp_path_factory.mktemp("fleet") / "data") as services, serving(services) as made:
        yield made


def get(client: Client, path: str, **headers: str) -> Answer:
    """Ask as a program that has the desk's token."""
    return client.send("GET", path, headers={"Authorization": f"Bearer {client.token}"} | headers)


def look(client: Client, path: str) -> Answer:
    """Look as a browser that has the desk's cookie."""
    return client.send("GET", path, headers={"Cookie": f"speedproof_desk={client.token}", "Accept": "text/html"})


@pytest.mark.parametrize("path", PATHS)
def test_a_route_says_what_the_command_says(served: Served, path: str) -> None:
    """Each route answers as the desk's command of that name does, errors included."""
    asked, ran = get(served, path), served.command(PATHS[path][0], PATHS[path][1])
    assert (asked.status, asked.told) == (ran.status, ran.told)
    assert asked.headers["content-type"] == ran.headers["content-type"]


def test_a_table_without_rows_has_its_header(served: Served) -> None:
    """Where nothing is to be told a table is empty and still the table that was asked for."""
    headers = [
        get(served, f"/v1/cells?since=2d&format=csv&direction={direction}&hours={hours}").body.decode().splitlines()
        for hours in ("true", "false")
        for direction in ("down", "up")
    ]
    assert len(headers[1]) == 1  # of no hour three devices have an upload
    assert headers[0][0] == headers[1][0] != headers[2][0] == headers[3][0]


@pytest.mark.parametrize("path", [path for path in PATHS if "nobody" not in path and "23001-1?" not in path])
def test_a_table_has_a_row_for_each_thing(served: Served, path: str) -> None:
    """As CSV an answer has a header and rows of that many fields, at least one."""
    answer = get(served, path + ("&" if "?" in path else "?") + "format=csv")
    assert answer.headers["content-type"].startswith("text/csv")
    header, *rows = csv.reader(io.StringIO(answer.body.decode(), newline=""))
    assert rows
    assert {len(row) for row in rows} == {len(header)}
    assert answer.body.endswith(b"\r\n")


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/v1/cells", 400, "since is missing"),
        ("/v1/cells?since=", 400, "since is a moment"),
        ("/v1/cells?since=2026-11-20", 400, "different moment in each time zone"),
        ("/v1/cells?since=2026-11-20&zone=Mars/Olympus", 400, "IANA name"),
        ("/v1/cells?since=2026-11-20T00:00+01:00", 400, "%2B"),
        ("/v1/cells?since=32d", 400, "31 or fewer"),
        ("/v1/cells?since=2d&until=3d", 400, "until is not after since"),
        ("/v1/cells?since=2d&most=0", 400, "most: "),
        ("/v1/cells?since=2d&most=1001", 400, "most: "),
        ("/v1/cells?since=2d&most=many", 400, "most: "),
        ("/v1/cells?since=2d&most=" + "9" * 5000, 400, "most: "),
        ("/v1/cells?since=2d&hours=perhaps", 400, "hours: "),
        ("/v1/cells?since=2d&direction=sideways", 400, "direction: "),
        ("/v1/cells?since=2d&format=xlsx", 400, "format: "),
        ("/v1/cells?since=2d&sinze=3d", 400, "sinze: not known here"),
        ("/v1/cells?since=2d&since=3d", 400, "since: there more than once"),
        ("/v1/fleet?until=1h", 400, "until: not known here"),
        ("/v1/fleet?since=40d", 400, "31 or fewer"),
        ("/v1/cells/nonsense?since=2d", 400, "a cell is written"),
        (f"/v1/cells/{SLOW + 7}?since=2d", 404, "nothing was ever measured"),
        ("/v1/lines/line-01/days?since=401d", 400, "400 or fewer"),
        ("/v1/lines/line-01/days?until=1d", 400, "since is missing"),
        ("/v1/lines/" + quote("../x", safe="") + "/days", 404, ""),
        ("/cells?key=x&key=y", 400, "key: there more than once"),
        ("/fleet?since=40d", 400, "31 or fewer"),
        ("/fleet?sinze=1d", 400, "not known here"),
        (f"/cell/{CELL}?until=2026-11-20", 400, "different moment in each time zone"),
        (f"/cell/{CELL}?since=2d", 400, "not known here"),
        ("/cell/nonsense", 400, "a cell is written"),
        ("/cell/23001-1", 404, "nothing was ever measured"),
    ],
)
def test_what_cannot_be_asked(served: Served, path: str, status: int, words: str) -> None:
    """What is misspelt, missing, too wide or not there is answered with the status of its kind and with what to do."""
    browser = {"Cookie": f"speedproof_desk={served.token}"}
    answer = get(served, path, **browser)
    assert answer.status == status
    assert answer.error == {400: "bad_request", 404: "not_found"}[status]
    assert words in answer.told["detail"]
    assert len(answer.told["detail"]) < 1000


@pytest.mark.parametrize(
    "path",
    ["/v1/fleet", "/v1/cells?since=2d", f"/v1/cells/{CELL}?since=2d", "/v1/lines/line-01/days", "/v1/openapi.json"],
)
def test_not_for_everybody(served: Served, path: str) -> None:
    """Without the desk's token as bearer nothing is told, also not to a browser with the desk's cookie."""
    for headers in ({}, {"Authorization": "Bearer x"}, {"Cookie": f"speedproof_desk={served.token}"}):
        answer = served.send("GET", path, headers=headers)
        assert (answer.status, answer.error) == (401, "not_allowed")


@pytest.mark.parametrize("path", ["/fleet", "/cells", f"/cell/{CELL}"])
def test_pages_are_for_the_desk(served: Served, path: str) -> None:
    """A page opens with the desk's cookie only; the key of a link is moved into the cookie."""
    assert served.send("GET", path).status == 401
    opened = served.send("GET", f"{path}?key={served.token}")
    assert (opened.status, opened.headers["location"]) == (303, path)
    assert served.token in opened.headers["set-cookie"]
    page = look(served, path)
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_pages_lead_to_each_other(served: Served) -> None:
    """From the first page one comes to fleet and cells, from there to a cell and to a line, and everything is there."""
    for path, onward in (
        ("/", "/fleet"),
        ("/", "/cells"),
        ("/cells", f"/cell/{CELL}"),
        ("/fleet?since=1h", "/subscriber/line-17"),
    ):
        assert f'href="{onward}"' in look(served, path).body.decode()
        assert look(served, onward).status == 200


def test_the_page_of_a_line_has_its_days(served: Served) -> None:
    """What a line measured stands on its page day by day."""
    page = look(served, "/subscriber/line-01").body.decode()
    assert "Day by day" in page
    (newest,) = [
        one for one in served.command("days", {"subscriber": "line-01"}).told["days"] if one["day"] == "2026-11-22"
    ]
    assert f'2026-11-22">22 Nov 2026</time></th><td class="number">{newest["n"]}</td>' in page


def test_openapi_describes_what_there_is(served: Served) -> None:
    """The description names each route with its parameters and answers, and what it says of an answer is so."""
    told = get(served, "/v1/openapi.json").told
    assert told["openapi"].startswith("3.")
    assert set(told["paths"]) == {"/v1/fleet", "/v1/cells", "/v1/cells/{cell}", "/v1/lines/{subscriber}/days"}
    for path in told["paths"].values():
        assert {"200", "400", "401", "404", "503"} <= set(path["get"]["responses"])
        assert all(one.get("description") or "schema" in one for one in path["get"]["parameters"])
    for path, route in (("/v1/fleet", "/v1/fleet"), (f"/v1/cells/{CELL}?since=6h", "/v1/cells/{cell}")):
        check(
            get(served, path).told,
            told["paths"][route]["get"]["responses"]["200"]["content"]["application/json"]["schema"],
            told,
        )


def check(value: Any, schema: dict[str, Any], told: dict[str, Any]) -> None:
    """Hold a value against a schema, as far as these schemas go."""
    if "$ref" in schema:
        schema = told["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        schema = next(one for one in schema["anyOf"] if (one.get("type") == "null") == (value is None))
    kinds = {"object": dict, "array": list, "integer": int, "string": str, "boolean": bool, "null": type(None)}
    assert isinstance(value, kinds[schema["type"]])
    if isinstance(value, list):
        for one in value:
            check(one, schema["items"], told)
    if "properties" in schema:
        assert set(value) == set(schema["properties"])
        for name, one in value.items():
            check(one, schema["properties"][name], told)


def test_an_index_that_does_not_answer(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the index cannot be asked it is 503 with a time to come again, and no traceback."""
    from collector.errors import IndexUnusable

    def fail(*_: object) -> None:
        raise IndexUnusable("the index does not answer: on purpose")

    monkeypatch.setattr(served.services.store, "moment", fail)
    for path in ("/v1/fleet", "/v1/cells?since=1d", f"/v1/cells/{CELL}?since=1d", "/v1/lines/line-01/days"):
        answer = get(served, path)
        assert (answer.status, answer.error) == (503, "index_unusable")
        assert int(answer.headers["retry-after"]) >= 30
    assert look(served, "/fleet").status == 503


def test_through_a_worker(tmp_path: Path) -> None:
    """With workers in front the same routes are answered by the process that has the index."""
    with running(tmp_path / "data", "--workers", "1") as collector:
        collector.enrolled("anna")
        assert get(collector, "/v1/fleet").told["devices"] == 1
        assert get(collector, "/v1/cells?since=1d").told["cells"] == []
        assert len(get(collector, "/v1/lines/anna/days").told["days"]) == 28
        assert look(collector, "/fleet").status == 200


def test_nothing_small_is_told_anywhere(served: Served) -> None:
    """Of the cell of two devices no route, table or page tells a single figure."""
    named = f"23001-{FEW}"
    whole = json.dumps(get(served, "/v1/cells?since=31d&most=1000").told) + json.dumps(
        get(served, "/v1/cells?since=31d&hours=true&most=1000").told
    )
    assert str(FEW) not in whole + look(served, "/cells").body.decode()
    hours = get(served, f"/v1/cells/{named}?since=3d").told["hours"]
    assert hours
    assert {(one["few"], one["n"], one["devices"], one["median_bps"]) for one in hours} == {(True, None, None, None)}
    page = look(served, f"/cell/{named}").body.decode()
    assert "Mbit/s</td>" not in page
    assert page.count("fewer than 3 devices</td>") == len(hours)


def test_the_simulated_fleet_is_what_is_seen(served: Served) -> None:
    """As many devices are told of as there are, and the clock of the collector says when."""
    told = get(served, "/v1/fleet").told
    assert (told["devices"], told["as_of_us"]) == (len(FLEET), END_US)
