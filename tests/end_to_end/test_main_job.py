"""The main job as a user starts it: one command, from nothing to a verdict, and on from there."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = "the page of this line: "


def free_ports() -> int:
    """A port that is free, with the next one."""
    for port in range(20_000 + os.getpid() % 20_000, 60_000, 2):
        try:
            for number, kind in (
                (port, socket.SOCK_STREAM),
                (port + 1, socket.SOCK_STREAM),
                (port + 1, socket.SOCK_DGRAM),
            ):
                with socket.socket(socket.AF_INET, kind) as one:
                    one.bind(("127.0.0.1", number))
        except OSError:
            continue
        return port
    pytest.fail("no two free ports")


def command(*words: str) -> list[str]:
    """The main job without its set-up, which this environment already is."""
    return [sys.executable, str(ROOT / "scripts" / "main_job.py"), *words]


@dataclass(frozen=True)
class Jobs:
    """What a first start said, to its end, and a second one, which still runs; the link of the page it serves."""

    first: str
    second: str
    link: str


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    """The main job twice over one folder; the second goes on until it is interrupted."""
    words = ["--data", str(tmp_path_factory.mktemp("main-job")), "--port", str(free_ports())]
    first = subprocess.run(command("--once", *words), capture_output=True, text=True, timeout=120, check=False)
    assert first.returncode == 0, first.stdout + first.stderr
    with subprocess.Popen(command(*words), stdout=subprocess.PIPE, text=True, start_new_session=True) as job:
        try:
            assert job.stdout is not None
            said = []
            for line in job.stdout:
                said.append(line)
                if line.startswith(PAGE):
                    break
            yield Jobs(first.stdout, "".join(said), said[-1].removeprefix(PAGE).strip())
        finally:
            job.send_signal(signal.SIGINT)
            job.wait(20)
        assert job.returncode == 0


@pytest.mark.slow
def test_the_main_job_runs_to_a_verdict_and_goes_on_from_there(jobs: Jobs) -> None:
    """One start does every step; a second one finds line, device and complaint there and adds to them."""
    for step in ("[1/6]", "[6/6]", "line-1 added", "receipt: ", "INSUFFICIENT EVIDENCE", "/subscriber/line-1?key="):
        assert step in jobs.first, step
    for step in ("was there already", "enrolled already", "sent as batch 1", "on file already"):
        assert step in jobs.second, step


@pytest.mark.slow
@pytest.mark.browser
def test_the_page_of_the_line_opens_in_a_browser(jobs: Jobs, tmp_path: Path) -> None:
    """The printed link opens the page in headless Chromium, chart and verdict on it; without the key it stays shut."""
    if shutil.which("chromium") is None:
        pytest.skip("chromium is not installed")
    dom = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         f"--user-data-dir={tmp_path / 'browser'}", "--dump-dom", jobs.link],
        capture_output=True, text=True, timeout=60, check=False,
    ).stdout  # fmt: skip
    assert "Not enough evidence" in dom
    assert "<svg" in dom
    assert "I have called three times." in dom
    with pytest.raises(urllib.error.HTTPError) as shut:
        urllib.request.urlopen(jobs.link.partition("?")[0], timeout=10)
    with shut.value as answer:
        assert answer.code == 401


def test_a_step_that_fails_ends_the_main_job_with_an_error(tmp_path: Path) -> None:
    """A port that is taken is said in words, and the exit code is not 0."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            command("--once", "--data", str(tmp_path), "--port", port),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert "Traceback" not in done.stderr
