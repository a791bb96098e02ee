"""What the host tells, and that it may refuse each thing by itself."""

import sys
from collections.abc import Callable

import psutil
import pytest

from probe.facts import HostFacts
from probe.platform import host


def _refusing(refusal: Exception) -> Callable[..., None]:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise refusal

    return refuse


@pytest.mark.parametrize("refusal", [PermissionError(), NotImplementedError(), FileNotFoundError()])
def test_a_host_that_refuses_everything(monkeypatch: pytest.MonkeyPatch, refusal: Exception) -> None:
    """A phone that refuses every reading still gives a snapshot, with everything absent."""
    for name in ("net_io_counters", "cpu_times", "getloadavg", "virtual_memory", "net_if_addrs", "Process"):
        monkeypatch.setattr(psutil, name, _refusing(refusal))
    assert host.snapshot("wlan0") == HostFacts("wlan0", "wifi")
    assert host.interface_to("127.0.0.1", 9) is None


def test_psutils_own_refusal_is_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """AccessDenied makes one reading absent and leaves the others."""
    monkeypatch.setattr(psutil, "cpu_times", _refusing(psutil.AccessDenied()))
    facts = host.snapshot("lo")
    assert facts.cpu_total_us is None
    assert facts.memory_available_bytes is not None


def test_without_psutil_only_the_name_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where psutil cannot be imported the kind of link still follows from its name."""
    monkeypatch.setattr(host, "psutil", None)
    assert host.snapshot("rmnet_data0") == HostFacts("rmnet_data0", "cellular")
    assert host.interface_to("127.0.0.1", 9) is None


def test_loopback_is_found_and_counted() -> None:
    """The way to loopback is an interface of that kind, with counters and processor times that grow."""
    interface = host.interface_to("127.0.0.1", 9)
    before, after = host.snapshot(interface), host.snapshot(interface)
    assert before.kind == "loopback"
    for name in ("rx_bytes", "tx_bytes", "cpu_busy_us", "cpu_total_us"):
        first, second = getattr(before, name), getattr(after, name)
        assert type(first) is int
        assert second >= first


def test_no_way_is_no_interface() -> None:
    """Where nothing can leave there is no interface and no error; a name that is unknown is no reason to say so."""
    anywhere = host.interface_to("192.0.2.1", 9)
    assert host.interface_to("no.such.host.invalid", 9) == anywhere
    assert host.facts_on_the_way_to("127.0.0.1", 9).has_way
    assert host.source_to("255.255.255.255", 9) is None  # to broadcast is refused without asking for it
    assert not host.facts_on_the_way_to("255.255.255.255", 9).has_way


@pytest.mark.parametrize(
    ("interface", "kind"),
    [
        ("rmnet_data0", "cellular"),
        ("v4-rmnet0", "cellular"),
        ("ccmni1", "cellular"),
        ("wwan0", "cellular"),
        ("wlan0", "wifi"),
        ("swlan0", "wifi"),
        ("tun0", "vpn"),
        ("ppp0", "vpn"),
        ("lo", "loopback"),
        ("lorem0", "other"),
        ("eth0", "other"),
        (None, "other"),
    ],
)
def test_kinds_by_name(interface: str | None, kind: str) -> None:
    """The name of an interface tells what kind of link it is."""
    assert host.kind_of(interface) == kind


def test_low_priority_work_is_not_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """A core that works at low priority only is free for others; for all processors together it counts as busy."""
    times = psutil.cpu_times()
    spent = times._replace(**dict.fromkeys(times._fields, 0.0) | {"user": 1.0, "nice": 2.0, "idle": 3.0})
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu=False: [spent, spent] if percpu else spent)
    facts = host.snapshot("lo")
    assert (facts.cpu_busy_us, facts.cpu_total_us) == (3_000_000, 6_000_000)
    assert facts.cores == ((1_000_000, 6_000_000), (1_000_000, 6_000_000))


def test_a_host_tells_what_limits_a_test() -> None:
    """Cores, this program's own time and the size of memory are told, and do not go back."""
    before, after = host.snapshot("lo"), host.snapshot("lo")
    assert len(before.cores) == psutil.cpu_count()
    assert before.memory_total_bytes is not None and before.memory_available_bytes is not None
    assert before.memory_total_bytes > before.memory_available_bytes
    assert before.own_cpu_us is not None and after.own_cpu_us is not None
    assert 0 < before.own_cpu_us <= after.own_cpu_us


def test_the_way_says_by_which_version_of_ip() -> None:
    """Packets leave by an address of one version; where none can leave there is none."""
    assert host.facts_on_the_way_to("127.0.0.1", 9).ip_version == 4
    assert host.facts_on_the_way_to("::1", 9).ip_version == 6
    assert host.facts_on_the_way_to("255.255.255.255", 9).ip_version is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux binds sockets to interfaces")
def test_a_pinned_way_is_that_of_its_interface() -> None:
    """Pinned, the interface is the one that is named, and one that is not there is no way."""
    here = host.facts_on_the_way_to("127.0.0.1", 9, "lo")
    assert (here.interface, here.kind, here.has_way) == ("lo", "loopback", True)
    gone = host.facts_on_any_way("nosuch0")
    assert (gone.interface, gone.has_way, gone.rx_bytes) == ("nosuch0", False, None)
