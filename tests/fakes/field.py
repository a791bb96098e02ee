"""Records as a phone in the field makes them: all the members of a light slot, with figures that never repeat."""

import random

from shared import strictjson
from shared.strictjson import JsonObject

CELL = {"located": False, "net_mccmnc": "23001", "sim_mccmnc": "23001"}
NAMES = "collector.example.net,peer.example.net,www.example.org"


def light_slot(slot: int, chance: random.Random) -> list[JsonObject]:
    """Give the records of a slot's light methods, as long as real ones: latency, fetch and dns, and one failed transfer."""
    at_us = slot * 900_000_000
    ctx: JsonObject = {
        "cpu_pm": chance.randrange(1000), "if_rx_bytes": chance.randrange(200_000), "if_tx_bytes": chance.randrange(90_000),
        "interface": "rmnet_data0", "load_pm": chance.randrange(3000), "mem_available_bytes": chance.randrange(10**9),
        "network_type": "mobile", "battery_pm": chance.randrange(1000), "temperature_mk": chance.randrange(290_000, 320_000),
    }  # fmt: skip
    signals: list[strictjson.Json] = [
        {"channel": 1300, "cid": chance.randrange(2**28), "pci": chance.randrange(504), "radio": "lte", "tac": 4101,
         "rsrp_dbm": -chance.randrange(80, 120), "rsrq_db": -chance.randrange(5, 18), "snr_cdb": chance.randrange(3000)}
        for _ in range(2)
    ]  # fmt: skip
    radio: JsonObject = {**CELL, "signals": signals}
    shared: JsonObject = {
        "ctx": ctx, "end": "ok", "flaws": ["battery_saver"], "peer": "peer", "radio": radio, "slot": slot,
        "mono_us": at_us + chance.randrange(10**8), "wall_us": 1_795_343_433_687_073 + at_us,
    }  # fmt: skip
    few, some = [chance.randrange(20_000, 90_000) for _ in range(20)], [chance.randrange(9_000) for _ in range(20)]
    return [
        shared | {
            "down_pdv_us": some, "dur_us": 382_296, "first_rtt_us": chance.randrange(300_000), "interval_us": 20_000,
            "lost_down": 0, "lost_tail": 0, "lost_up": 0, "method": "latency", "patience_us": 1_000_000, "plan": "quick",
            "rtt_us": few, "sent": 21, "stamps": "kernel", "up_pdv_us": some[::-1], "ver": 2, "via": "stamp",
        },
        shared | {
            "attempt": 1, "bytes": [10_240, 10_240], "connect_us": few[0], "expected_bytes": 10_240, "host": "peer",
            "first_byte_us": few[1], "dur_us": few[2], "http": "1.1", "method": "fetch", "plan": "icon", "ver": 2,
            "received_bytes": 10_240, "status": 200, "t_us": few[3:5], "tls_us": few[5], "dns_us": few[6],
            "url": "https://peer.example.net:8441/object/10240",
        },
        shared | {
            "addresses": "192.0.2.10,192.0.2.11,198.51.100.7", "answers": [1, 1, 2], "failures": ",,", "names": NAMES,
            "lookup_us": few[7:10], "method": "dns", "plan": "standard", "ttl_s": [300, 300, -1], "tries": [1, 1, -1],
            "system_resolvers": "10.0.0.1,10.0.0.2", "ver": 1, "via": "system,direct,system", "dur_us": few[10],
        },
        shared | {"event": "link_back", "link": "rmnet_data0", "method": "presence", "since_us": few[11], "ver": 1},
    ]  # fmt: skip
