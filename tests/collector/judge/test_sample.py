"""The strict reader of cases: what is malformed is refused with its place, what is unknown is left alone."""

from typing import Any

import pytest

from collector.judge.errors import CaseError
from collector.judge.sample import Direction, Signal, read_case

Json = dict[str, Any]


def case(measurement: object, **changed: object) -> Json:
    """A case of one measurement; members set to None are absent."""
    whole = {
        "direction": "down",
        "contract": {"time_zone": "Europe/Prague", "min_bps": 1},
        "measurements": [measurement],
        **changed,
    }
    return {key: value for key, value in whole.items() if value is not None}


def measurement(**changed: object) -> Json:
    """A download; members set to None are absent."""
    whole = {"t": "2025-04-08T18:00:00+02:00", "direction": "down", "rate_bps": 1, **changed}
    return {key: value for key, value in whole.items() if value is not None}


def contract(**changed: object) -> Json:
    """A case without measurements under this contract; members set to None are absent."""
    whole = {"time_zone": "Europe/Prague", **changed}
    return case(None, contract={k: v for k, v in whole.items() if v is not None}, measurements=[])


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (None, "$"),
        ([], "$"),
        ("case", "$"),
        ({}, "$.contract"),
        (case(measurement(), direction=None), "$.direction"),
        (case(measurement(), direction="both"), "$.direction"),
        (case(measurement(), direction=["down"]), "$.direction"),
        (case(measurement(), contract=[]), "$.contract"),
        (case(None, measurements=None), "$.measurements"),
        (case(None, measurements={}), "$.measurements"),
        (case(7), "$.measurements[0]"),
        (contract(time_zone=None), "$.contract.time_zone"),
        (contract(time_zone=""), "$.contract.time_zone"),
        (contract(time_zone=1), "$.contract.time_zone"),
        (contract(time_zone="Europe/Atlantis"), "$.contract.time_zone"),
        (contract(time_zone="Europe"), "$.contract.time_zone"),
        (contract(time_zone="../Europe/Prague"), "$.contract.time_zone"),
        (contract(time_zone="Europe/Prague\0"), "$.contract.time_zone"),
        (contract(time_zone="localtime"), "$.contract.time_zone"),
        (contract(time_zone="right/Europe/Prague"), "$.contract.time_zone"),
        (contract(time_zone="+02:00"), "$.contract.time_zone"),
        (contract(time_zone="\ud800"), "$.contract.time_zone"),
        (contract(time_zone="A" * 5000), "$.contract.time_zone"),
        (contract(min_bps=0), "$.contract.min_bps"),
        (contract(min_bps=-1), "$.contract.min_bps"),
        (contract(min_bps="60"), "$.contract.min_bps"),
        (contract(min_bps=6e7), "$.contract.min_bps"),
        (contract(min_bps=True), "$.contract.min_bps"),
        (contract(min_bps=2**53), "$.contract.min_bps"),
        (contract(area_class=1), "$.contract.area_class"),
        (case(measurement(t=None)), "$.measurements[0].t"),
        (case(measurement(t=1744128000)), "$.measurements[0].t"),
        (case(measurement(t="2025-04-08T18:00:00")), "$.measurements[0].t"),
        (case(measurement(t="2025-04-08")), "$.measurements[0].t"),
        (case(measurement(t="2025-04-08 18:00:00+02:00")), "$.measurements[0].t"),
        (case(measurement(t="2025-02-30T18:00:00+02:00")), "$.measurements[0].t"),
        (case(measurement(t="2025-04-08T18:00:60+02:00")), "$.measurements[0].t"),
        (case(measurement(t="2025-04-08T18:00:00+02:60")), "$.measurements[0].t"),
        (case(measurement(t="2025-04-08T18:00:00+24:00")), "$.measurements[0].t"),
        (case(measurement(t="2025-04-08T18:00:00.1234567Z")), "$.measurements[0].t"),
        (case(measurement(t="0001-01-01T00:00:00+14:00")), "$.measurements[0].t"),
        (case(measurement(t="9999-12-31T23:59:59Z")), "$.measurements[0].t"),
        (case(measurement(direction=None)), "$.measurements[0].direction"),
        (case(measurement(direction="sideways")), "$.measurements[0].direction"),
        (case(measurement(rate_bps=None)), "$.measurements[0]"),
        (case(measurement(not_started="battery_low")), "$.measurements[0]"),
        (case(measurement(rtt_us=1)), "$.measurements[0]"),
        (case(measurement(rate_bps=None, failure="eof_error", not_started="x")), "$.measurements[0]"),
        (case(measurement(rate_bps=None, failure="eof_error", rtt_us=1)), "$.measurements[0]"),
        (case(measurement(rate_bps=None, rtt_us=1)), "$.measurements[0].rtt_us"),
        (case(measurement(direction="round_trip")), "$.measurements[0].rate_bps"),
        (case(measurement(rate_bps=-1)), "$.measurements[0].rate_bps"),
        (case(measurement(rate_bps=1.0)), "$.measurements[0].rate_bps"),
        (case(measurement(rate_bps=float("nan"))), "$.measurements[0].rate_bps"),
        (case(measurement(rate_bps=False)), "$.measurements[0].rate_bps"),
        (case(measurement(rate_bps="1")), "$.measurements[0].rate_bps"),
        (case(measurement(rate_bps=2**53)), "$.measurements[0].rate_bps"),
        (case(measurement(rate_bps=-1, failure="eof_error")), "$.measurements[0].rate_bps"),
        (case(measurement(rate_bps=None, failure="")), "$.measurements[0].failure"),
        (case(measurement(rate_bps=None, failure=True)), "$.measurements[0].failure"),
        (case(measurement(rate_bps=None, not_started=1)), "$.measurements[0].not_started"),
        (case({**measurement(), "rate_bps": None}), "$.measurements[0].rate_bps"),
        (case(measurement(flaws="wifi")), "$.measurements[0].flaws"),
        (case(measurement(flaws=["wifi", 1])), "$.measurements[0].flaws[1]"),
        (case(measurement(located="yes")), "$.measurements[0].located"),
        (case(measurement(located=1)), "$.measurements[0].located"),
        (case(measurement(network_type=4)), "$.measurements[0].network_type"),
        (case(measurement(net_mccmnc=23001)), "$.measurements[0].net_mccmnc"),
        (case(measurement(signals={})), "$.measurements[0].signals"),
        (case(measurement(signals=[{}])), "$.measurements[0].signals[0].radio"),
        (
            case(measurement(signals=[{"radio": "lte", "channel": -1}])),
            "$.measurements[0].signals[0].channel",
        ),
        (
            case(measurement(signals=[{"radio": "lte", "rsrp_dbm": -1.5}])),
            "$.measurements[0].signals[0].rsrp_dbm",
        ),
    ],
)
def test_what_is_malformed_is_refused_with_its_place(raw: object, place: str) -> None:
    """The error names the place in the JSON where the first fault stands."""
    with pytest.raises(CaseError) as caught:
        read_case(raw)
    assert caught.value.place == place
    assert str(caught.value).startswith(f"{place}: ")


def test_members_nobody_asked_for_are_left_alone() -> None:
    """A case may carry notes, of any kind, at any level."""
    noted = case({**measurement(), "id": 1.5, "note": None}, id="x", expect={"verdict": 1}, why=[])
    noted["contract"]["tariff"] = {"name": "L"}
    assert read_case(noted) == read_case(case(measurement()))


@pytest.mark.parametrize(
    "t",
    [
        "2025-04-08T16:00:00Z",
        "2025-04-08T16:00Z",
        "2025-04-08T18:00:00.000+0200",
        "2025-04-08T21:30:00,000000+05:30",
        "2025-04-08T18:00:00+02",
        "2025-04-08T16:00:00-00:00",
    ],
)
def test_an_instant_is_the_same_in_every_way_of_writing_it(t: str) -> None:
    """Offset, fraction and separator are ways of writing one instant."""
    assert read_case(case(measurement(t=t))).samples == read_case(case(measurement())).samples


def test_everything_a_measurement_tells_is_kept() -> None:
    """Nothing of the known members is lost or changed."""
    told = measurement(
        rate_bps=5,
        failure="eof_error",
        flaws=["wifi", "cpu_busy", "wifi"],
        network_type="mobile",
        sim_mccmnc="23001",
        net_mccmnc="23002",
        located=False,
        signals=[{"radio": "3g"}, {"radio": "nr", "channel": 640_000, "rsrp_dbm": -98}],
    )
    [sample] = read_case(case(told)).samples
    assert (sample.at_us, sample.direction, sample.index) == (1_744_128_000_000_000, Direction.DOWN, 0)
    assert (sample.rate_bps, sample.failure, sample.value) == (5, "eof_error", 0)
    assert sample.flaws == ("cpu_busy", "wifi")
    assert (sample.network_type, sample.sim_mccmnc, sample.net_mccmnc) == ("mobile", "23001", "23002")
    assert sample.located is False
    assert sample.signals == (Signal("3g"), Signal("nr", 640_000, -98))


def test_a_lost_round_trip_has_no_value() -> None:
    """None stands for a delay above any number."""
    lost = measurement(direction="round_trip", rate_bps=None, failure="generic_timeout_error")
    [sample] = read_case(case(lost)).samples
    assert sample.value is None
