"""From a technician's desk to a device in the field: provisioned, enrolled by itself, refused the second time, marked."""

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.served import Served, serving

from collector.config import Config
from collector.local_desk import LocalDesk
from collector.provision.folder import Terms, provision
from collector.provision.units import Unit
from collector.services import Services
from probe.__main__ import main
from probe.commands.device import opened, uploader_of
from probe.home import Home


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A collector that listens, by the real clock, with the line `anna`."""
    with (
        contextlib.closing(Services.over_folder(Config(data=tmp_path / "data"))) as services,
        serving(services) as served,
    ):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            services.peer = {"host": "", "key_id": "0" * 64, "name": "peer", "port": nobody.getsockname()[1]}
        assert served.add("anna").status == 200
        yield served


def test_from_the_desk_to_the_field(served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A provisioned device enrols from its file; its code is good once, which a second device and its doctor say."""
    folder = tmp_path / "out"
    terms = Terms(f"http://127.0.0.1:{served.port}", 30)
    provision(LocalDesk(served.services), [Unit("SP-001", "anna")], terms, folder, lambda _done: None)
    file = str(folder / "SP-001/provision.json")
    one, other = tmp_path / "one", tmp_path / "other"
    assert main(["enrol", "--from", file, "--state", str(one)]) == 0
    assert main(["enrol", "--from", file, "--state", str(other)]) == 2
    assert "used already; ask for a new one" in capsys.readouterr().err
    assert main(["doctor", "--state", str(other), "--json"]) == 1
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["first boot"]["found"].startswith("refused, 0 s ago: this code is not known, or was used already")
    assert checks["first boot"]["advice"] == "ask for a new code"
    assert main(["mark", "nothing", "loads", "--state", str(one)]) == 0
    with opened(Home(one)) as agent:
        assert asyncio.run(uploader_of(agent, lambda _receipt: None).send_all()) is None
        assert agent.outbox.tally().last_receipt_us is not None
    counts = served.case("anna")["counts"]["signed"]
    assert set(counts.values()) == {0}  # a mark is kept and shown, and is no measurement
