"""A phone in the field: the agent's days with all that a phone tells, and with results as the real shells gave them.

The members of `well` are those of the light methods on an emulated line of 20 Mbit/s and 30 ms, those of `gone` are theirs and
the ladder's in a network namespace without a network, each with the names and addresses of a real line and figures
that never repeat.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from fakes.days import Days
from fakes.keeper import Keeper

from probe import lookout as lookout_module
from probe import minder as minder_module
from probe.facts import HostFacts
from probe.measure.outcome import Measured, Value
from probe.net.collector import Told
from probe.packed import Packed
from probe.surroundings import Cell, Link, Power, Radio, Surroundings

PEER, COLLECTOR = "peer-prague.example.net", "collector.example.net"
UP, DOWN = Link("rmnet_data0", "cellular"), Link(None, "other", has_way=False)
FAILED: dict[str, Value] = {"end": "failed", "stage": "dns", "failure": "dns_temporary_failure"}


@dataclass
class Field(Days):
    """One phone; with a keeper it has a collector."""

    is_gone: bool = False
    keeper: Keeper | None = None
    chance: random.Random = field(default_factory=lambda: random.Random(4))
    _moved: list[int] = field(default_factory=lambda: [0, 0, 0, 0])

    def put(self, monkeypatch: pytest.MonkeyPatch) -> "Field":
        """Stand in for the real world."""
        super().put(monkeypatch)
        monkeypatch.setattr(lookout_module, "facts_on_the_way_to", self._facts)
        monkeypatch.setattr(lookout_module, "snapshot", self._facts)
        monkeypatch.setattr(minder_module, "leaving", lambda _pinned: DOWN if self.is_gone else UP)
        self.does = self._measure
        return self

    async def post_batch(self, packed: Packed) -> Told:
        """Hand it to the keeper, if there is one."""
        if self.keeper is None:
            told: Told = await super().post_batch(packed)
            return told
        return await self.keeper.post_batch(packed)

    async def look(self, _interface: str | None, _has_way: bool) -> Surroundings:
        """Look round: two cells, a battery, a clock."""
        some = self.chance.randrange
        cells = tuple(
            Cell(radio, "23001", area=4101, cell=some(2**28), pci=some(504), channel=1300 + some(500), band=some(1, 40),
                 rsrp_dbm=-some(80, 120), rsrq_ddb=-some(50, 180), rssi_dbm=-some(60, 90), sinr_ddb=some(300), timing_advance=some(63))
            for radio in ("lte", "nr")
        )  # fmt: skip
        radio = Radio(
            "termux", "lte", None if self.is_gone else "home", False, not self.is_gone, "23001", "23001", cells=cells
        )
        power = Power(plugged=False, charge_per_cent=some(20, 100), saver=False, temperature_dc=some(150, 400))
        return Surroundings(DOWN if self.is_gone else UP, radio, power, synced=not self.is_gone)

    def _facts(self, *_where: object) -> HostFacts:
        some, link = self.chance.randrange, DOWN if self.is_gone else UP
        moved = self._moved = [
            one + some(most) for one, most in zip(self._moved, (60_000, 4_000, 500_000, 1_000_000), strict=True)
        ]
        return HostFacts(
            link.interface, link.kind, moved[0], moved[1], moved[2], moved[2] + moved[3], some(4000), some(10**9), link.has_way,
            4 * 10**9,
        )  # fmt: skip

    def _measure(self, plan: Any) -> Measured:
        name = type(plan).__module__.rpartition(".")[2]
        told: Mapping[str, Value] = (self._gone if self.is_gone else self._well)(name)
        members = {one: value for one, value in told.items() if one != "end"} | {"plan": plan.name}
        return Measured("failed" if told.get("end") == "failed" else "ok", members)

    def _times(self, count: int, most_us: int, least_us: int = 0) -> list[int]:
        return [self.chance.randrange(least_us, most_us) for _ in range(count)]

    def _well(self, name: str) -> "dict[str, Value]":
        some = self._times(12, 400_000, 20_000)
        match name:
            case "latency":
                return {
                    "down_pdv_us": self._times(10, 20_000), "dur_us": some[0], "first_rtt_us": some[1], "interval_us": 20_000,
                    "lost_down": 0, "lost_tail": 0, "lost_up": 0, "patience_us": 1_000_000, "rtt_us": self._times(10, 90_000, 20_000),
                    "sent": 11, "stamps": "kernel", "up_pdv_us": self._times(10, 20_000), "via": "stamp",
                }  # fmt: skip
            case "fetch":
                return {
                    "attempt": 1, "bytes": [16_384, 50_000], "connect_us": some[0], "dns_us": some[1], "dur_us": some[2],
                    "expected_bytes": 50_000, "first_byte_us": some[3], "host": "peer", "http": "1.1", "received_bytes": 50_000,
                    "status": 200, "t_us": some[4:6], "tls_us": some[6], "url": f"https://{PEER}:8442/object/50000",
                }  # fmt: skip
            case _:
                return {
                    "addresses": "198.51.100.7,198.51.100.8", "answers": [1, 1], "dur_us": some[0], "failures": ",",
                    "lookup_us": some[1:3], "names": f"{PEER},{COLLECTOR}", "patience_us": 5_000_000, "tries": [-1, -1],
                    "system_resolvers": "10.0.0.1,10.0.0.2", "ttl_s": [-1, -1], "via": "system,system",
                }  # fmt: skip

    def _gone(self, name: str) -> "dict[str, Value]":
        (took,) = self._times(1, 9_000, 400)
        match name:
            case "latency":
                return FAILED | {
                    "dur_us": took, "interval_us": 20_000, "patience_us": 1_000_000, "rtt_us": [], "sent": 0, "stamps": "user",
                    "tried": "stamp", "via": "tcp",
                }  # fmt: skip
            case "fetch":
                told: dict[str, Value] = {
                    "attempt": 1,
                    "dur_us": took,
                    "expected_bytes": 50_000,
                    "host": "peer",
                    "received_bytes": 0,
                }
                return FAILED | told | {"url": f"https://{PEER}:8442/object/50000"}
            case "dns":
                return FAILED | {
                    "addresses": ",", "answers": [0, 0], "dur_us": took, "failures": "dns_temporary_failure,dns_temporary_failure",
                    "lookup_us": [-1, -1], "names": f"{PEER},{COLLECTOR}",
                    "patience_us": 5_000_000, "system_resolvers": "10.0.0.1,10.0.0.2", "tries": [-1, -1], "ttl_s": [-1, -1],
                    "via": "system,system",
                }  # fmt: skip
            case _:
                failures = ",network_unreachable,network_unreachable" + 3 * ",dns_temporary_failure"
                return FAILED | {
                    "carrier": True, "dur_us": took, "failure": "network_unreachable", "failures": failures,
                    "interface": "rmnet_data0", "operstate": "up", "reached": "link", "rung_us": [took // 40, -1, -1, -1, -1, -1],
                    "rungs": "link,address,route,dns,collector,peer", "stage": "connect",
                    "targets": f"rmnet_data0,,,{COLLECTOR},{COLLECTOR}:443,{PEER}:8442",
                }  # fmt: skip
