"""Logs: a line for people, an object for machines, and by which batch it was."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.commanded import commanded
from fakes.device import download
from fakes.running import running

from collector import logs
from shared.batch import pae_sha256_of


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Give the root logger back what it had."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """A JSON line holds the words, what was named, and the trace of an error."""
    logs.begin("json", "info")
    log = logging.getLogger("collector.test")
    log.debug("not this")
    try:
        raise ValueError("wrong")
    except ValueError:
        log.exception("ü %d", 7, extra={"dev": "ab", "batch": 3, "odd": {1}})
    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["level"], told["logger"], told["words"]) == ("error", "collector.test", "ü 7")
    assert (told["dev"], told["batch"], told["odd"]) == ("ab", 3, "{1}")
    assert told["trace"].endswith("ValueError: wrong")
    assert told["t_us"] > 1_700_000_000_000_000


def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for people is its words."""
    logs.begin("text", "warning")
    logging.getLogger("collector.test").info("not this")
    logging.getLogger("collector.test").warning("this")
    assert capsys.readouterr().err == "WARNING collector.test: this\n"


@pytest.mark.parametrize(("workers", "log"), [("0", "data.log"), ("1", "data/worker-1.log")])
def test_batches_are_found_by_their_ids(tmp_path: Path, workers: str, log: str) -> None:
    """Every process logs the batches it kept and refused under their ids, each once."""
    with running(tmp_path / "data", "--workers", workers, "--log-format", "json", "--log-level", "debug") as collector:
        device = collector.enrolled("anna")
        body = device.next()
        assert collector.post_batch(body).status == 201
        assert collector.post_batch(device.seal(download(), batch=7)).status == 409
        assert collector.stop() == 0
    told = [json.loads(line) for line in (tmp_path / log).read_text().splitlines()]
    (kept,) = (one for one in told if one["words"].startswith("kept"))
    assert (kept["dev"], kept["batch"], kept["pae_sha256"]) == (device.dev, 0, pae_sha256_of(body))
    (refused,) = (one for one in told if one["words"].startswith("refused"))
    assert (refused["dev"], refused["batch"], refused["reason"]) == (device.dev, 7, "chain_gap")


def test_misspelt(tmp_path: Path) -> None:
    """A format or level that is none is refused by name, on the command line and in the file."""
    data = tmp_path / "data"
    data.mkdir()
    assert "--log-level" in commanded(data, "up", "--log-level", "loud").stderr
    (data / "collector.toml").write_text("log_format = 'xml'\n")
    done = commanded(data, "up", "--port", "0", "--peer-port", "0")
    assert (done.returncode, "log_format is one of text, json" in done.stderr) == (2, True)
