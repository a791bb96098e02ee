"""`campaign`: planned before a person's eyes, fixed in the chain before the first test, shown as it stands."""

import json
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fakes.collector import FakeCollector
from fakes.criteria import COUNT, DAYS, rule

from probe.__main__ import build_parser
from probe.campaign import NAME, RULE, read_course
from probe.campaign_wish import ASKED, asked
from probe.commands import campaign, campaign_options
from probe.home import Home
from probe.outbox import Outbox
from shared import strictjson
from shared.campaign import read_campaign
from shared.errors import Malformed
from shared.record import read_record

Run = Callable[..., int]
PLAN = ("--criterion", "cz-fixed-cert", "--time-zone", "Europe/Prague", "--from", "2027-01-11")


def enrolled_in(state: Path, zone: str | None) -> None:
    """Let enrolment have told this time zone, or none."""
    file = state / "enrolled.json"
    told = strictjson.decode(file.read_bytes().rstrip(b"\n"))
    told.pop("time_zone", None)
    file.write_bytes(strictjson.encode(told if zone is None else told | {"time_zone": zone}) + b"\n")


@pytest.fixture
def run(there: FakeCollector, state: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command over an enrolled device, by a clock of January 2027."""
    del there
    enrolled_in(state, None)
    monkeypatch.setattr("probe.clock.SystemClock.wall_us", lambda _: 1_799_600_000_000_000)  # 10 January 2027

    def one(*words: str) -> int:
        options = build_parser(("campaign",)).parse_args(["campaign", *words, "--state", str(state)])
        return campaign.run(Home(state), options)

    return one


def last_record(state: Path) -> Any:
    """The newest record of the outbox."""
    with closing(Outbox(state / "outbox", lambda: bytes(32))) as outbox:
        return read_record(outbox.recent()[0].rstrip(b"\n"))


def told_by(run: Run, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """What the command says with --json."""
    capsys.readouterr()
    assert run(*words, "--json") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_plan_is_shown_and_nothing_begun(run: Run, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Conditions, starts, cost, what is lacking and what the rule does not show, in plain words."""
    assert run("plan", *PLAN) == 0
    out = capsys.readouterr().out
    assert "exactly 6 measurements needed; 6 counted" in out
    assert "12 tests: download and upload at each of 6 starts" in out
    assert "Mon 11 Jan 2027: " in out
    assert "(CET, UTC+01:00)" in out
    assert "at most 20" in out
    assert "does not fit into this month's budget" in out
    assert "LOOK: nothing was measured yet" in out
    assert "nothing was begun" in out
    with closing(Outbox(state / "outbox", lambda: bytes(32))) as outbox:
        assert outbox.kept(NAME) is None
        assert outbox.recent() == []


def test_beginning_puts_the_plan_into_the_chain(run: Run, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The record is signed before any test, and says what `plan` had shown."""
    shown = told_by(run, capsys, "plan", *PLAN)
    begun = told_by(run, capsys, "start", *PLAN, "--yes")
    assert (shown["begun"], begun["begun"]) == (False, True)
    assert shown["starts_us"] == begun["starts_us"]
    assert list(read_campaign(last_record(state)).starts_us) == begun["starts_us"]
    assert run("start", *PLAN, "--yes") == 1
    assert "under way" in capsys.readouterr().err


def test_status_says_what_is_missing_and_stop_is_recorded(
    run: Run, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the rule's words; a campaign that was given up stays counted, and the next is number two."""
    assert run("status") == 0
    assert "no campaign was begun" in capsys.readouterr().out
    assert run("start", *PLAN, "--yes") == 0
    capsys.readouterr()
    assert run("status") == 0
    out = capsys.readouterr().out
    assert "planned, not begun yet" in out
    assert "still missing: count: exactly 6 measurements needed; 0 counted" in out
    assert "next start: Mon 11 Jan 2027" in out
    told = told_by(run, capsys, "status")
    assert (told["state"], told["directions"]["down"]["left"]) == ("planned", 6)
    assert run("stop") == 0
    assert last_record(state).text("event") == "stop"
    assert run("stop") == 1
    assert told_by(run, capsys, "status")["state"] == "stopped"
    assert told_by(run, capsys, "start", *PLAN, "--yes", "--direction", "up")["campaign"].startswith("cz-fixed-cert.2.")
    assert run("status") == 0
    assert re.search(r"cz-fixed-cert\.1\.[0-9a-z]+ \(stopped\)", capsys.readouterr().out)


def test_what_cannot_be_read_any_more_is_replaced(run: Run, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a kept campaign, nor its rule, nor a wish stands in the way of a new one, which has the next number."""
    assert told_by(run, capsys, "start", *PLAN, "--yes")["number"] == 1
    with closing(Outbox(state / "outbox", lambda: bytes(32))) as outbox:
        outbox.keep(NAME, b"{")
        outbox.keep(RULE, b"{")
        outbox.keep(ASKED, b"{")
    with pytest.raises(Malformed):
        run("status")
    assert told_by(run, capsys, "start", *PLAN, "--yes")["number"] == 2
    with closing(Outbox(state / "outbox", lambda: bytes(32))) as outbox:
        outbox.keep(RULE, b"{")
    assert run("start", *PLAN, "--yes") == 1
    assert "under way" in capsys.readouterr().err
    assert run("stop") == 0
    assert told_by(run, capsys, "start", *PLAN, "--yes")["number"] == 3


def test_beside_a_running_agent_the_wish_is_left_to_it(
    run: Run, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only who holds the state folder writes into the chain; until then nothing is planned twice."""
    with Home(state).lock():
        assert run("start", *PLAN, "--yes") == 0
        assert "The running probe signs that within seconds" in capsys.readouterr().out
        assert run("start", *PLAN, "--yes") == 1
        assert run("status") == 0
        assert "waits for the running probe" in capsys.readouterr().out
    with closing(Outbox(state / "outbox", lambda: bytes(32))) as outbox:
        assert outbox.kept(NAME) is None
        answer = asked(None, outbox.kept(ASKED))
    assert answer is not None
    assert read_course(answer[1][NAME]) is not None


def test_a_person_is_asked(run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal `--yes` must say so; at one, anything but yes begins nothing."""
    with pytest.raises(Malformed, match="nobody to ask"):
        run("start", *PLAN)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    for typed, code in (("n", 1), ("", 1), ("Yes", 0)):
        monkeypatch.setattr("sys.stdin.readline", lambda typed=typed: f"{typed}\n", raising=False)
        assert run("start", *PLAN) == code
    assert "Begin it? [y/N]" in capsys.readouterr().out


def test_a_criterion_of_ones_own(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file or a folder of them; what cannot be planned or understood is refused with the place."""
    file = tmp_path / "mine.toml"
    file.write_bytes(rule(COUNT % ("==", 3)))
    zone = ("--time-zone", "Europe/Prague")
    for path in (file, tmp_path):
        told = told_by(run, capsys, "plan", "--criterion", "made-up", "--criteria", str(path), *zone)
        assert len(told["starts_us"]) == 3
    file.write_bytes(rule(DAYS % ("", 'window_days = { op = "<=", n = 3 }')))
    for text, words in ((file.read_bytes(), "does not say how many"), (rule("x = 1\n"), "unknown key")):
        file.write_bytes(text)
        with pytest.raises(Malformed, match=words):
            run("plan", "--criterion", "made-up", "--criteria", str(file), *zone)
    file.write_bytes(rule().replace(b"made-up", b"si-2019"))
    with pytest.raises(Malformed, match="two criteria"):
        run("plan", "--criterion", "si-2019", "--criteria", str(file), *zone)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--criterion", "cz-fixed-cert"), "the line's time zone"),
        (("--criterion", "cz-fixed-cert", "--time-zone", "Mars/Olympus"), "no time zone"),
        (("--criterion", "nope", "--time-zone", "Europe/Prague"), "known are at-rtr, cz-fixed-cert"),
        (("--criterion", "pl-uke", "--time-zone", "Europe/Prague"), "unsupported: its deviation rule is not known"),
        ((*PLAN, "--direction", "round_trip"), "judges down, up"),
        (("--criterion", "cz-fixed-cert", "--time-zone", "Europe/Prague", "--from", "tomorrow"), "neither now nor"),
        (("--criterion", "cz-fixed-cert", "--time-zone", "Europe/Prague", "--from", "2027-02-30"), "neither now nor"),
        (("--criterion", "cz-fixed-cert", "--time-zone", "Europe/Prague", "--from", "2029-01-01"), "a year ahead"),
        ((*PLAN, "--criteria", "nowhere.toml"), "cannot be read"),
    ],
)
def test_what_cannot_be_planned_is_said(run: Run, words: tuple[str, ...], why: str) -> None:
    """Each with what to do about it."""
    with pytest.raises(Malformed, match=why):
        run("plan", *words)


def test_a_device_without_zone_data_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the device's lack and not the name's, and there is a remedy."""

    def nothing(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr(campaign_options, "ZoneInfo", nothing)
    with pytest.raises(Malformed, match="pip install tzdata"):
        campaign_options.zone_named("Europe/Prague")


def test_a_clock_that_was_never_set_plans_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Starts by such a clock would lie in the past."""
    monkeypatch.setattr("probe.clock.SystemClock.wall_us", lambda _: 5)
    with pytest.raises(Malformed, match="never set"):
        run("plan", *PLAN)


def test_quiet_hours_are_kept_and_recorded(run: Run, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The owner's choice of hours is a choice, and stands in the plan for all to see."""
    (state / "settings.toml").write_text('[schedule]\nquiet = ["20:00-08:00"]\n')
    assert told_by(run, capsys, "plan", *PLAN)["quiet"] == [1200, 480]


def test_the_lines_zone_is_the_one_enrolment_told(run: Run, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody has to type it, and whoever types another is told so."""
    enrolled_in(state, "America/Chicago")
    assert told_by(run, capsys, "plan", "--criterion", "us-caf-80-80")["time_zone"] == "America/Chicago"
    with pytest.raises(Malformed, match="the line is in America/Chicago"):
        run("plan", *PLAN)
