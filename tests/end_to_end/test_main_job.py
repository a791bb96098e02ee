"""The main job as a user starts it: one command, from nothing to a verdict, and on from there."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


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


@pytest.mark.slow
def test_the_main_job_runs_to_a_verdict_and_goes_on_from_there(tmp_path: Path) -> None:
    """One start does every step; a second one finds line, device and complaint there and adds to them."""
    words = ["--once", "--data", str(tmp_path), "--port", str(free_ports())]
    first = subprocess.run(command(*words), capture_output=True, text=True, timeout=120, check=False)
    assert first.returncode == 0, first.stdout + first.stderr
    for step in ("[1/6]", "[6/6]", "line-1 added", "receipt: ", "INSUFFICIENT EVIDENCE", "/subscriber/line-1?key="):
        assert step in first.stdout, step
    second = subprocess.run(command(*words), capture_output=True, text=True, timeout=120, check=False)
    assert second.returncode == 0, second.stdout + second.stderr
    for step in ("was there already", "enrolled already", "sent as batch 1", "on file already"):
        assert step in second.stdout, step


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


@pytest.mark.slow
@pytest.mark.browser
def test_the_page_of_the_line_opens_in_a_browser(tmp_path: Path) -> None:
    """The printed link opens the page in headless Chromium, chart and verdict on it; without the key it stays shut."""
    if shutil.which("chromium") is None:
        pytest.skip("chromium is not installed")
    with subprocess.Popen(
        command("--data", str(tmp_path), "--port", str(free_ports())),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as job:
        try:
            assert job.stdout is not None
            link = next(
                line.split(": ", 1)[1].strip() for line in job.stdout if line.startswith("the page of this line: ")
            )
            dom = subprocess.run(
                ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync",
                 f"--user-data-dir={tmp_path / 'browser'}", "--dump-dom", link],
                capture_output=True, text=True, timeout=60, check=False,
            ).stdout  # fmt: skip
            assert "Not enough evidence" in dom
            assert "<svg" in dom
            assert "I have called three times." in dom
            with pytest.raises(urllib.error.HTTPError) as shut:
                urllib.request.urlopen(link.partition("?")[0], timeout=10)
            with shut.value as answer:
                assert answer.code == 401
        finally:
            job.send_signal(signal.SIGINT)
            job.wait(20)
            assert job.returncode == 0
