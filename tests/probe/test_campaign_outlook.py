"""Before a campaign begins: what it costs, and what its rule needs that this device did not show lately."""

from typing import Any

import pytest

from probe.campaign_outlook import NO_LOCATION, lacks, usual_bytes, worst_bytes
from probe.catalogue import METHODS
from shared.criteria.files import shipped
from shared.record import Record
from shared.sampling import read_rule

MOBILE = read_rule(shipped()["cz-mobile-cert.toml"], "cz")
FIXED = read_rule(shipped()["cz-fixed-cert.toml"], "cz")
GOOD: dict[str, Any] = {
    "ctx": {"network_type": "mobile"},
    "radio": {"sim_mccmnc": "23001", "net_mccmnc": "23001", "located": True, "signals": [{"rsrp_dbm": -90}]},
}


def record(**members: Any) -> Record:
    """A record with these members."""
    return Record(b"", members, 0)


def test_nothing_is_lacking_where_the_last_test_showed_it_all() -> None:
    """Mobile, at home, located, with its signal read."""
    assert lacks(MOBILE, [record(**GOOD)], location=True) == ()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"ctx": {"network_type": "wifi"}}, "ran over wifi"),
        ({"ctx": {}}, "ran over an unknown kind"),
        ({"flaws": ["wifi"]}, "had wifi and would not count"),
        ({"radio": {"sim_mccmnc": "23001", "net_mccmnc": "26201", "signals": [{"rsrp_dbm": -90}]}}, "country code 230"),
        ({"radio": {"net_mccmnc": "23001", "signals": [{"rsrp_dbm": -90}]}}, "SIM unknown"),
        ({"radio": {"sim_mccmnc": "23001", "net_mccmnc": "23001", "signals": [{}]}}, "RSRP"),
        ({"radio": 5}, "RSRP"),
    ],
)
def test_what_is_lacking_is_said(changed: dict[str, Any], words: str) -> None:
    """Each need that the last test did not show is named with what was there."""
    assert any(words in one for one in lacks(MOBILE, [record(**GOOD | changed)], location=True))


def test_the_owner_must_let_the_place_be_recorded() -> None:
    """Whatever was measured, without consent there is no location; a rule that needs none asks for none."""
    assert NO_LOCATION in lacks(MOBILE, [record(**GOOD)], location=False)
    assert lacks(FIXED, [record(**GOOD)], location=False) == ()


@pytest.mark.parametrize("name", sorted(shipped()))
def test_of_every_shipped_rule_it_is_known_what_a_device_must_show(name: str) -> None:
    """Each predicate of each rule has its words or none to say; a device that showed it all lacks nothing."""
    assert lacks(read_rule(shipped()[name], name), [record(**GOOD)], location=True) == ()


def test_nothing_is_known_before_the_first_measurement() -> None:
    """A record without a context tells nothing either."""
    assert "nothing was measured yet" in lacks(FIXED, [record(method="campaign")], location=True)[0]


def test_the_cost_is_that_of_the_catalogue_and_of_what_was_seen() -> None:
    """At most the plans' caps; usually the median of such tests, unknown as long as nothing tells."""
    assert worst_bytes(("download", "upload"), "evidence", 6) == 12 * METHODS["download"].cost_bytes("evidence")
    seen = [record(method="download", plan="evidence", received_bytes=n * 1_000_000) for n in (10, 30, 20)]
    assert usual_bytes(("download",), "evidence", 6, seen) == 120_000_000
    assert usual_bytes(("download", "upload"), "evidence", 6, seen) is None
    failed = record(method="download", plan="light", received_bytes=1)
    assert usual_bytes(("download",), "evidence", 6, [failed]) is None


def test_a_shorter_test_tells_how_fast_the_line_is() -> None:
    """20 Mbit/s for the 8.55 s of an evidence test; a train of packets costs what it costs at most."""
    light = record(method="download", plan="light", end="ok", received_bytes=2_500_000, dur_us=1_000_000)
    assert usual_bytes(("download",), "evidence", 2, [light]) == 2 * 21_375_000
    assert usual_bytes(("latency",), "evidence", 2, []) == 2 * METHODS["latency"].cost_bytes("standard")
