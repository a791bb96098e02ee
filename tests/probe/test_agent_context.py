"""What is known around a measurement: whose bytes, which flaws, which context, and nothing that says who somebody is."""

from dataclasses import replace
from typing import Any

import pytest
from fakes.seen import LTE, MOBILE, QUIET, SECOND_US, WWAN, moment, on
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.judge.sample import Signal
from collector.samples import _radio_fields
from probe.context import ended_as, network_type, own_bytes, radio_member
from probe.facts import HostFacts, Lull, Moment
from probe.measure.outcome import Measured
from probe.surroundings import Cell, Link, Place, Power, Radio, Surroundings
from shared import strictjson
from shared.strictjson import JsonObject

QUICK = Measured("ok", {"rtt_us": [35_000]})


def recorded(before: Moment, after: Moment, method: str = "latency", measured: Measured = QUICK, **more: Any) -> Any:
    """Give the members of a test of a second."""
    later = replace(after, wall_us=before.wall_us + SECOND_US, mono_us=SECOND_US, awake_us=SECOND_US)
    told = ended_as(method, measured, before, later, **more)
    assert strictjson.decode(strictjson.encode(told)) == told
    return told


def test_traffic_of_others_beside_a_download() -> None:
    """Bytes beyond the measurement's own are a flaw; its own are none, in the direction it moved them."""
    quiet, busy = (moment(replace(WWAN, rx_bytes=rx)) for rx in (1_020_000, 2_000_000))
    before = moment(WWAN)
    download = Measured("ok", {"received_bytes": 1_000_000})
    assert "flaws" not in recorded(before, quiet, "download", download)
    assert recorded(before, busy, "download", download)["flaws"] == ["cross_traffic"]
    assert recorded(before, quiet, "upload", download)["flaws"] == ["cross_traffic"]


@pytest.mark.parametrize(
    ("method", "members", "own"),
    [
        ("download", {"received_bytes": 5, "sent_bytes": 7}, (5, 0)),
        ("fetch", {"received_bytes": 5}, (5, 0)),
        ("upload", {"received_bytes": 5, "sent_bytes": 7}, (0, 7)),
        ("latency", {"rtt_us": [1] * 10, "via": "stamp"}, (11 * 106, 11 * 106)),
        ("latency", {"rtt_us": [1, -1], "via": "tcp"}, (3 * 282, 3 * 282)),
        ("dns", {"tries": [1, 2, -1]}, (7 * 600, 7 * 160)),
        ("path", {"hop_sent": [5, 5, 2]}, (12 * 200, 12 * 106)),
        ("reach", {}, (8_192, 8_192)),
        ("download", {}, (0, 0)),
        ("download", {"received_bytes": "5"}, (0, 0)),
    ],
)
def test_whose_bytes(method: str, members: JsonObject, own: tuple[int, int]) -> None:
    """A measurement's own bytes are those its record says."""
    assert own_bytes(method, members) == own


def test_what_nobody_tells_is_absent() -> None:
    """A phone that tells nothing leaves only the kind of link; a counter that was set back tells nothing."""
    mute = moment(HostFacts(None, "other"))
    assert recorded(mute, mute)["ctx"] == {"link": "other", "network_type": "other"}
    assert not {"radio", "radio_before"} & recorded(mute, mute).keys()
    back = recorded(moment(replace(QUIET, rx_bytes=9)), moment(replace(QUIET, rx_bytes=8)))
    assert "if_rx_bytes" not in back["ctx"]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (moment(replace(QUIET, interface="lo", kind="loopback")), "none"),
        (moment(QUIET), "other"),
        (moment(WWAN), "mobile"),
        (moment(replace(QUIET, kind="wifi")), "wifi"),
        (moment(replace(QUIET, kind="vpn")), "other"),
        (moment(QUIET, Surroundings(Link("eth0", "bluetooth"), MOBILE)), "other"),
        (moment(QUIET, Surroundings(Link("eth0", "ethernet"), MOBILE)), "other"),
        (moment(QUIET, Surroundings(Link("eth0", "ethernet"), replace(MOBILE, interface="eth0"))), "mobile"),
        (moment(QUIET, Surroundings(Link("eth0", "cellular"))), "mobile"),
        (moment(QUIET, Surroundings(Link("eth0", "wifi"), replace(MOBILE, interface="eth0"))), "wifi"),
        (moment(replace(QUIET, interface=None), Surroundings(Link(None), replace(MOBILE, interface=None))), "other"),
    ],
)
def test_what_carried_a_test(at: Moment, expected: str) -> None:
    """A modem's bearer and a stick that is known are mobile; Wi-Fi is Wi-Fi whatever mobile network stands behind it."""
    assert network_type(at) == expected
    assert recorded(at, at)["ctx"]["network_type"] == expected


def test_the_mobile_network_as_the_collector_reads_it() -> None:
    """What the record says of the mobile network is what the judge is shown of it."""
    cells = (*LTE.cells, Cell("nr", rsrq_ddb=-105), Cell("2g", area=1), Cell("3g", channel=10_700, rssi_dbm=-80))
    around = Surroundings(Link("wwan0", "cellular"), replace(LTE, cells=cells), place=Place(5_008, 1_442, 900))
    told = recorded(moment(WWAN), moment(WWAN, around))
    assert _radio_fields(told) == {
        "sim_mccmnc": "00101",
        "net_mccmnc": "00101",
        "located": True,
        "signals": (
            Signal("lte", 1300, -97),
            Signal("nr", None, None),
            Signal("2g", None, None),
            Signal("3g", 10_700, None),
        ),
    }
    assert told["radio"]["signals"][1] == {"radio": "nr", "rsrq_ddb": -105}
    assert told["ctx"]["place"] == {"accuracy_m": 900, "latitude_cdeg": 5_008, "longitude_cdeg": 1_442}


def test_without_consent_there_is_no_place() -> None:
    """Where nobody read a place, none is claimed; a modem without a cell gives no signals."""
    assert radio_member(on(MOBILE)) == {
        "connected": True, "net_mccmnc": "00101", "registration": "home", "roaming": False, "sim_mccmnc": "00101",
        "technology": "lte", "via": "modemmanager",
    }  # fmt: skip
    assert _radio_fields({"radio": radio_member(on(MOBILE))})["signals"] == ()
    assert "place" not in recorded(on(MOBILE), on(MOBILE))["ctx"]


def test_the_mobile_network_before() -> None:
    """Beside a load it is told as it was before; beside other tests only if it was another."""
    other = replace(LTE, net_mccmnc="00102")
    assert recorded(on(LTE), on(LTE), "download")["radio_before"] == radio_member(on(LTE))
    assert "radio_before" not in recorded(on(LTE), on(LTE))
    changed = recorded(on(other), on(LTE))
    assert (changed["radio_before"]["net_mccmnc"], changed["radio"]["net_mccmnc"]) == ("00102", "00101")
    assert "radio" not in recorded(on(LTE), moment(WWAN))


def test_link_power_and_clock() -> None:
    """What whoever looked round told of the device stands in the context, each figure with its unit in its name."""
    around = Surroundings(
        Link("wlan0", "wifi", metered=True, wifi_rssi_dbm=-61, wifi_mhz=5180, vpn=False, shared=False),
        power=Power(plugged=False, charge_per_cent=80, saver=False, temperature_dc=312, throttled=False),
        synced=False,
        troubles=("termux: no answer in 8 s – killed", *(f"trouble {number}" for number in range(9)), "x" * 99),
    )
    told = recorded(moment(replace(QUIET, interface="wlan0", kind="wifi")), replace(moment(
        replace(QUIET, interface="wlan0", kind="wifi"), around), dated=True))["ctx"]  # fmt: skip
    assert told.pop("troubles") == ["termux: no answer in 8 s ? killed", "trouble 0", "trouble 1", "trouble 2"]
    assert told == {
        "charge_per_cent": 80, "if_rx_bytes": 0, "if_tx_bytes": 0, "interface": "wlan0", "ip_version": 4,
        "link": "wifi", "mem_available_bytes": 10**9, "metered": True, "network_type": "wifi", "plugged": False,
        "saver": False, "shared": False, "synced": False, "temperature_dc": 312, "throttled": False, "vpn": False,
        "wifi_mhz": 5180, "wifi_rssi_dbm": -61,
    }  # fmt: skip


def test_what_changed_meanwhile() -> None:
    """Another interface, kind of link or version of IP is told with what it was before; a clock's step by its length."""
    after = moment(replace(QUIET, interface="wwan0", kind="cellular", ip_version=6))
    told = recorded(moment(QUIET), after)["ctx"]
    assert (told["interface_before"], told["ip_version_before"], told["link_before"]) == ("eth0", 4, "other")
    assert "stepped_us" not in told
    stepped = ended_as("latency", QUICK, moment(QUIET), replace(moment(QUIET), wall_us=1, mono_us=50, awake_us=0))
    assert stepped["flaws"] == ["clock_stepped"]
    slept = ended_as("latency", QUICK, moment(QUIET), replace(moment(QUIET, after_us=SECOND_US), awake_us=1))
    assert (slept["flaws"], slept["ctx"]["slept_us"]) == (["suspended"], SECOND_US - 1)  # type: ignore[call-overload,index]


def test_beside_a_load_there_is_more_to_know() -> None:
    """What limits a device is told of tests that fill the line, and of no others."""
    lull = Lull(SECOND_US, 10, 20, 30, 40)
    busy = replace(QUIET, cores=((500_000, SECOND_US), (0, SECOND_US)), own_cpu_us=250_000, load_per_mille=7)
    measured = Measured("ok", {"dur_us": SECOND_US, "received_bytes": 1_000_001})
    told = recorded(moment(QUIET), moment(busy), "download", measured, lull=lull, clean_bps=10_000_000)
    more = {
        name: told["ctx"][name] for name in told["ctx"].keys() - recorded(moment(QUIET), moment(busy))["ctx"].keys()
    }
    assert more == {
        "before_rx_bytes": 10, "before_tx_bytes": 20, "before_us": SECOND_US, "clean_bps": 10_000_000, "core_pm": 500,
        "cpu_before_pm": 40, "mem_bytes": 4 * 10**9, "own_cpu_pm": 250, "quiet_us": 30,
    }  # fmt: skip
    assert "client_limited" in told["flaws"]
    still = replace(measured, members={**measured.members, "received_bytes": 1_000_000})
    assert "flaws" not in recorded(moment(QUIET), moment(busy), "download", still, clean_bps=10_000_000)
    uploaded = recorded(moment(QUIET), moment(busy), "upload", measured, clean_bps=1)
    assert "client_limited" not in uploaded.get("flaws", [])
    beside = replace(measured, members={**measured.members, "direction": "download"})
    assert recorded(moment(QUIET), moment(busy), "loaded_latency", beside, clean_bps=1)["flaws"] == ["client_limited"]


def test_a_pinned_test_says_what_was_not() -> None:
    """Every socket of the test was bound; the system's lookups are not sockets of the test, and the record says so."""
    told = recorded(moment(WWAN), moment(WWAN), pinned=True)["ctx"]
    assert (told["pinned"], told["dns_pinned"]) == (True, False)
    assert not {"pinned", "dns_pinned"} & recorded(moment(WWAN), moment(WWAN))["ctx"].keys()


def test_a_peer_that_refuses_is_no_failure_and_its_context_is_kept() -> None:
    """A busy peer did not let the test start, and says nothing about the line."""
    refused = Measured("failed", {"failure": "http_unexpected_status_code", "status": 503})
    told = recorded(on(LTE), on(LTE), "download", refused)
    assert (told["end"], told["reason"], told["status"]) == ("not_started", "peer_busy", 503)
    assert {"ctx", "radio"} <= told.keys()
    assert not {"flaws", "failure"} & told.keys()


numbers = st.none() | st.integers(-(2**31), 2**36)
cells = st.builds(
    Cell, st.sampled_from(["2g", "3g", "lte", "nr"]), area=numbers, cell=numbers, channel=numbers, rsrp_dbm=numbers
)  # fmt: skip
radios = st.builds(
    Radio, st.just("termux"), sim_mccmnc=st.none() | st.just("00101"), cells=st.lists(cells, max_size=3).map(tuple)
)


@settings(max_examples=50, deadline=None)
@given(st.none() | radios, st.none() | radios, st.sampled_from(["latency", "download", "ookla"]), st.text(max_size=80))
def test_any_surroundings_make_a_record(before: Radio | None, after: Radio | None, method: str, trouble: str) -> None:
    """Whatever was seen round a test can be spelled, holds no null, and is read by the judge without a complaint."""
    here, there = (moment(WWAN, Surroundings(radio=radio, troubles=(trouble,))) for radio in (before, after))
    told = recorded(here, there, method)
    assert b"null" not in strictjson.encode({name: told[name] for name in told if name.startswith("radio")})
    assert len(_radio_fields(told).get("signals", ())) == (0 if after is None else len(after.cells))
