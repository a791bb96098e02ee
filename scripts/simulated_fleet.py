"""A simulated fleet for pictures and tests: lines in Prague and beyond, devices in a few cells, one of them slow in the evening.

The measurements are simulated, everything else is real: enrolment, signatures, chains, verification, ledger. Nothing in it
comes from chance but the keys, so it is the same fleet each time.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from collector.enrol import Portal
from collector.ingest import Ingest
from collector.lines import add_subscriber
from collector.services import Services
from shared.batch import Sealing, pae_sha256_of, seal_batch
from shared.chain import START, Head
from shared.enrolment import make_request, read_code
from shared.errors import Refused
from shared.keys import FileKey
from shared.record import write_record
from shared.strictjson import JsonObject

HOUR_US: Final = 3_600_000_000
CONTRACT: Final = {"down": {"advertised_bps": 40_000_000, "min_bps": 10_000_000}}
OPERATOR: Final = "23001"
SLOW, WELL, FEW, EDGE = 21_263_107, 21_263_108, 21_263_362, 21_271_043  # ECI: eNB number times 256, and the cell in it
# Mbit/s by the hour of the day in UTC.
EVENINGS: Final = (26, 28, 30, 31, 31, 30, 28, 26, 25, 24, 24, 23, 23, 22, 21, 19, 15, 9, 5, 3, 3, 6, 13, 21)
STEADY: Final = (44, 45, 46, 46, 46, 45, 43, 41, 40, 40, 39, 39, 38, 38, 38, 37, 36, 34, 33, 33, 34, 37, 40, 42)


@dataclass(frozen=True, slots=True)
class Unit:
    """A device of a line that stays in one cell; it falls silent after so many hours, and is up for so many of each day."""

    line: str
    cell: int
    zone: str = "Europe/Prague"
    silent_after: int | None = None
    up: range = range(24)


FLEET: Final = (
    *(Unit(f"line-{number:02}", SLOW) for number in range(1, 7)),
    *(Unit(f"line-{number:02}", WELL) for number in range(7, 12)),
    *(Unit(f"line-{number:02}", EDGE, up=range(5, 22)) for number in range(12, 16)),
    Unit("line-16", FEW),
    Unit("line-17", FEW, "Europe/London", silent_after=31),
    Unit("line-18", WELL, silent_after=45),
)


class Lived:
    """A device as it lives: its key and where its chain stands."""

    def __init__(self, services: Services, unit: Unit, number: int) -> None:
        """Enrol it, adding its line."""
        self.unit, self.number, self.key, self.head = unit, number, FileKey.generate(), START
        add_subscriber(
            services,
            {"id": unit.line, "time_zone": unit.zone, "criterion": "cz-mobile-cert", "contract": CONTRACT},
        )
        portal = Portal(services)
        code, _ = portal.give_code(unit.line)
        portal.enrol(code, make_request(read_code(code), bytes(16), self.key))

    def batch(self, records: list[JsonObject], now_us: int, lost: int = 0) -> bytes:
        """Its next batch."""
        head = self.head
        lines = [write_record(record | {"seq": head.seq + number}) for number, record in enumerate(records)]
        last = head.seq + len(lines) + lost - 1
        body = seal_batch(
            lines, Sealing("simulated/1", head.batch, "boot", head.pae_sha256, head.seq, last, now_us, now_us), self.key
        )
        self.head = Head(head.batch + 1, last + 1, pae_sha256_of(body))
        return body

    def records(self, services: Services, at_us: int) -> Iterator[JsonObject]:
        """What it measures within an hour: a round trip, a download, and every fourth hour an upload."""
        hour, mix = at_us // HOUR_US, (at_us // HOUR_US * 7919 + self.number * 104_729) % 101
        speeds = EVENINGS if self.unit.cell == SLOW else STEADY
        down_bps = speeds[hour % 24] * 1_000_000 * (90 + mix % 21) // 100 // (3 if self.unit.cell == EDGE else 1)
        at_us += self.number * 90_000_000
        common: JsonObject = {
            "ctx": {"interface": "wwan0", "network_type": "mobile"}, "slot": services.config.slots.slot_at(at_us), "ver": 1,
            "radio": {"net_mccmnc": OPERATOR, "signals": [{"cell": self.unit.cell, "mccmnc": OPERATOR, "radio": "lte"}], "technology": "lte"},
        }  # fmt: skip
        rtt_us = 900_000_000_000 // down_bps + 12_000 + mix * 90
        yield common | {
            "method": "latency",
            "end": "ok",
            "rtt_us": [rtt_us + n * 700 for n in range(5)],
            "wall_us": at_us,
            "mono_us": at_us,
        }
        transfer: JsonObject = common | {
            "dur_us": 3_000_000,
            "wall_us": at_us + 2_000_000,
            "mono_us": at_us + 2_000_000,
        }
        fails = mix % 50 == 7 or (down_bps < 5_000_000 and mix % 4 == 0)
        told: JsonObject = {
            "method": "download",
            "end": "failed",
            "failure": "generic_timeout_error",
            "stage": "body",
            "received_bytes": 91_000,
        }
        yield transfer | (told if fails else {"method": "download", "end": "ok", "received_bytes": down_bps * 3 // 8})
        if hour % 4 == self.number % 4:
            yield transfer | {"method": "upload", "end": "ok", "received_bytes": (5_000_000 + mix * 31_000) * 3 // 8}


async def live(services: Services, set_clock: Callable[[int], None], from_us: int, hours: int) -> list[Lived]:
    """Let the fleet live for so many hours; the clock stands at their end then."""
    set_clock(from_us)
    fleet = [Lived(services, unit, number) for number, unit in enumerate(FLEET)]
    ingest = Ingest(services)
    for hour in range(hours):
        at_us = from_us + hour * HOUR_US
        set_clock(at_us + HOUR_US - 1_000_000)
        for one in fleet:
            is_gone = one.unit.silent_after is not None and hour >= one.unit.silent_after
            if not is_gone and at_us // HOUR_US % 24 in one.unit.up:
                lost = int(hour % 61 == 60 and one.number % 5 == 0)
                await ingest.take(one.batch([*one.records(services, at_us)], at_us + HOUR_US - 5_000_000, lost))
    forked = fleet[3]
    forked.head = START  # its past is written anew
    with contextlib.suppress(Refused):
        await ingest.take(forked.batch([*forked.records(services, from_us)], from_us))
    set_clock(from_us + hours * HOUR_US)
    return fleet
