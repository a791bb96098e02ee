"""What whoever runs a collector sees: health that was looked at, and figures that add up over all processes."""

import re
import time
from pathlib import Path

import pytest
from fakes.device import Device, download
from fakes.running import running
from fakes.served import Client, Served

from collector.errors import IndexUnusable
from collector.metrics import Metrics, exposition

PATIENCE = 100


def figures(client: Client) -> dict[str, float]:
    """What /metrics tells, by name with labels."""
    answer = client.send("GET", "/metrics", headers={"Authorization": f"Bearer {client.token}"})
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    lines = [line for line in answer.body.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def told(client: Client, device: Device) -> dict[str, float]:
    """The figures after two batches, one of them twice, a gap, and something that is none."""
    first = device.next(download(), download())
    assert [client.post_batch(body).status for body in (first, device.next(), first)] == [201, 201, 200]
    assert client.post_batch(device.seal(batch=9)).error == "chain_gap"
    assert client.post_batch(b"x").error == "bad_format"
    client.case("anna")
    for _ in range(PATIENCE):  # counters are told a few times a second
        found = figures(client)
        if found['speedproof_batches_total{answer="repeat"}'] and found["speedproof_records_total"] == 3:
            break
        time.sleep(0.1)
    return found


def check(found: dict[str, float], groups: int) -> None:
    """They are what was done."""
    assert found['speedproof_batches_total{answer="kept"}'] == 2
    assert found['speedproof_batches_total{answer="repeat"}'] == 1
    assert found["speedproof_records_total"] == 3
    assert found['speedproof_refused_total{reason="chain_gap"}'] == 1
    assert found['speedproof_refused_total{reason="bad_format"}'] == 1
    # a line, a code, an enrolment, two batches, a repeat and a gap came to be written, each in a group of its own
    assert found["speedproof_group_entries_count"] == found['speedproof_group_entries_bucket{le="1.0"}'] == groups
    assert found["speedproof_commit_seconds_count"] == groups
    assert found["speedproof_ledger_entries"] == 5
    assert (found["speedproof_index_behind_entries"], found["speedproof_index_behind_seconds"]) == (0, 0)
    assert found["speedproof_held_bytes"] == 0
    assert found["speedproof_free_bytes"] > 0
    assert not [name for name in found if "created" in name]


def test_figures(served: Served, device: Device) -> None:
    """One process counts what it did."""
    check(told(served, device), 7)


def test_figures_of_all_processes(tmp_path: Path) -> None:
    """What several processes did is added up, whichever of them is asked."""
    with running(tmp_path / "data", "--workers", "2") as collector:
        check(told(collector, collector.enrolled("anna")), 8)  # of an older batch again two processes ask


def test_figures_are_not_for_everybody(served: Served) -> None:
    """Without the desk's token there are no figures."""
    assert served.send("GET", "/metrics").status == 401


def test_health(served: Served, device: Device) -> None:
    """Health tells what was looked at."""
    assert served.post_batch(device.next()).status == 201
    served.case("anna")
    answer = served.send("GET", "/health")
    assert answer.status == 200
    assert (answer.told["ledger_no"], answer.told["index_no"]) == (4, 4)
    assert answer.told["free_bytes"] > 0


def test_ill_health(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that does not answer makes it 503, and what it said is told; what does answer is still told."""

    def fail(stream: int) -> int:
        raise IndexUnusable(f"the index does not answer for stream {stream}: on purpose")

    monkeypatch.setattr(served.services.store, "loaded_no", fail)
    answer = served.send("GET", "/health")
    assert answer.status == 503
    assert answer.told["index_no"] == "the index does not answer for stream 0: on purpose"
    assert answer.told["ledger_no"] == 0


def test_names_say_what_they_count() -> None:
    """Every figure has its words, and counters, seconds and bytes are named as such."""
    text = exposition(Metrics(), {"x_bytes": ("Room", 1.0)}, None).decode()
    assert set(re.findall(r"^# HELP (\S+)", text, re.MULTILINE)) == set(
        re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
    )
    assert all(len(words) > 3 for words in re.findall(r"^# HELP \S+ (.*)", text, re.MULTILINE))
    counters = re.findall(r"^# TYPE (\S+) counter", text, re.MULTILINE)
    assert counters
    assert all(name.endswith("_total") for name in counters)
