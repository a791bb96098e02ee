"""The peer as a program of its own."""

import json
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fakes.certificate import certificate

from shared.keys import FileKey

ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def _started(key: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A peer on any free port, and what it said when it was ready."""
    command = [sys.executable, "-m", "collector.peer", "--port", "0", "--key", str(key), *options]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def _run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "collector.peer", *options]
    return subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False
    )


def test_a_life_of_the_peer(tmp_path: Path) -> None:
    """Ready, serving, a second one refused, stopped at once with code 0, and the same key next time."""
    key = tmp_path / "peer.pem"
    with _started(key, "--name", "north") as (process, ready):
        assert ready == {
            "ready": True,
            "host": "127.0.0.1",
            "port": ready["port"],
            "name": "north",
            "key_id": ready["key_id"],
        }
        assert key.stat().st_mode & 0o777 == 0o600
        with urllib.request.urlopen(f"http://127.0.0.1:{ready['port']}/object/1000") as answer:
            assert len(answer.read()) == 1000
        second = _run("--port", str(ready["port"]), "--key", str(key))
        assert second.returncode == 2
        assert second.stderr == f"peer: port {ready['port']} on 127.0.0.1 is in use\n"
        assert second.stdout == ""
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=2)
        assert (process.returncode, out) == (0, "")
        assert [json.loads(line)["kind"] for line in err.splitlines()] == ["object"]
    with _started(key) as (process, again):
        assert again["key_id"] == ready["key_id"]
        process.send_signal(signal.SIGINT)
        assert process.wait(2) == 0


def test_a_transfer_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    """With a client in the middle of a transfer, SIGTERM still ends the peer in time, and accounts for it."""
    with _started(tmp_path / "peer.pem") as (process, ready):
        with socket.create_connection(("127.0.0.1", ready["port"])) as client:
            client.sendall(b"GET /object/1000000000 HTTP/1.1\r\nHost: x\r\n\r\n")
            client.recv(1000)
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            _, err = process.communicate(timeout=5)
            assert time.monotonic() - began < 2
        assert process.returncode == 0
        assert json.loads(err)["end"] == "peer_stopped"


def test_the_peer_ends_with_its_parent(tmp_path: Path) -> None:
    """With --stop-with-stdin the closing of the pipe stops the peer; what is written to it does not."""
    with _started(tmp_path / "peer.pem", "--stop-with-stdin") as (process, _):
        assert process.stdin is not None
        process.stdin.write("hello\n")
        process.stdin.flush()
        time.sleep(0.2)
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(2) == 0


def test_a_peer_that_admits_probes(tmp_path: Path) -> None:
    """Told a portal's key, it gives tickets, says so, and keeps its statements beside its key; nobody else does."""
    portal = tmp_path / "portal.pem"
    portal.write_bytes(FileKey.generate().public.to_pem())
    with _started(tmp_path / "peer.pem", "--admit", str(portal), "--no-anonymous") as (process, ready):
        with urllib.request.urlopen(f"http://127.0.0.1:{ready['port']}/v1/peer") as answer:
            said = json.load(answer)
        assert "ticket" in said["methods"] and said["anonymous"] is False
        assert (tmp_path / "transfers.ndjson").read_bytes() == b""
        second = _run("--port", "0", "--key", str(tmp_path / "peer.pem"), "--admit", str(portal))
        assert (second.returncode, second.stdout) == (2, "")
        assert "cannot use the file of statements" in second.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0


def test_a_peer_with_tls(tmp_path: Path) -> None:
    """Given a certificate it serves the same on a second port, and says so in its ready line and its introduction."""
    _, authority = certificate(tmp_path)
    words = ("--tls-cert", str(authority), "--tls-key", str(tmp_path / "key.pem"), "--tls-port", "0")
    with _started(tmp_path / "peer.pem", *words) as (process, ready):
        assert ready["tls_port"] not in (0, ready["port"])
        trusting = ssl.create_default_context(cafile=authority)
        url = f"https://127.0.0.1:{ready['tls_port']}"
        with urllib.request.urlopen(f"{url}/v1/peer", context=trusting) as answer:
            said = json.load(answer)
        assert (said["port"], said["tls_port"]) == (ready["port"], ready["tls_port"])
        with urllib.request.urlopen(f"{url}/object/1000", context=trusting) as answer:
            assert len(answer.read()) == 1000
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=5)
        assert process.returncode == 0
        assert [json.loads(line)["kind"] for line in err.splitlines()] == ["object"]


def test_tls_that_cannot_be(tmp_path: Path) -> None:
    """A missing certificate, a key without one, and a taken port each end the program in words."""
    _, authority = certificate(tmp_path)
    key = ("--port", "0", "--key", str(tmp_path / "peer.pem"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        both = ("--tls-cert", str(authority), "--tls-key", str(tmp_path / "key.pem"))
        for words, says in (
            (("--tls-cert", str(tmp_path / "none.pem")), "none.pem: No such file"),
            (("--tls-cert", str(authority)), "no certificate with its key"),
            (("--tls-key", str(tmp_path / "key.pem")), "need --tls-cert"),
            (("--tls-port", "0"), "need --tls-cert"),
            ((*both, "--tls-port", str(port)), f"port {port} on 127.0.0.1 is in use"),
        ):
            result = _run(*key, *words)
            assert (result.returncode, result.stdout) == (2, "")
            assert says in result.stderr
            assert "Traceback" not in result.stderr and "Warning" not in result.stderr


@pytest.mark.parametrize(("pem", "says"), [(b"x", "holds no public key"), (None, "cannot read the portal's key")])
def test_a_portal_that_is_none(tmp_path: Path, pem: bytes | None, says: str) -> None:
    """A portal's key that cannot be read keeps the peer from starting: it would admit nobody, or worse."""
    if pem is not None:
        (tmp_path / "portal.pem").write_bytes(pem)
    result = _run("--port", "0", "--key", str(tmp_path / "peer.pem"), "--admit", str(tmp_path / "portal.pem"))
    assert (result.returncode, result.stdout) == (2, "")
    assert says in result.stderr and "Traceback" not in result.stderr


def test_rubbish_on_the_port_leaves_one_line_of_json_at_most(tmp_path: Path) -> None:
    """What is not HTTP is answered with 400, and the log stays a log of JSON lines."""
    with _started(tmp_path / "peer.pem") as (process, ready):
        with socket.create_connection(("127.0.0.1", ready["port"])) as client:
            client.sendall(b"GET /\x00 HTTP/9.9\r\nbad header\r\n\r\n")
            assert b" 400 " in client.recv(1000)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=5)
        assert all(json.loads(line)["kind"] == "log" for line in err.splitlines())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--stop-with-stdin", "--key", "x.pem"), "needs a pipe"),
        (("--key", "/dev/null/x.pem"), "cannot use the key file"),
        (("--port", "65536", "--key", "x.pem"), "must be from 0 to 65535"),
        (("--max-clients", "0", "--key", "x.pem"), "must be from 1"),
        ((), "--key"),
    ],
)
def test_what_it_cannot_start_with(options: tuple[str, ...], says: str) -> None:
    """A wrong option ends the program with code 2 and words, without a traceback or a file."""
    result = _run(*options)
    assert result.returncode == 2
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert not (ROOT / "x.pem").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--collector", "http://127.0.0.1:1"), "--collector needs --admit: without it nothing is signed"),
        (
            ("--collector", "ftp://x", "--admit", "portal.pem"),
            "--collector is an address such as https://proof.example.net, not 'ftp://x'",
        ),
    ],
)
def test_a_collector_that_cannot_be_meant(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    """An address to hand statements to that is none, or where nothing would be signed, keeps the peer from starting."""
    (tmp_path / "portal.pem").write_bytes(FileKey.generate().public.to_pem())
    told = [str(tmp_path / one) if one == "portal.pem" else one for one in options]
    result = _run("--port", "0", "--key", str(tmp_path / "peer.pem"), *told)
    assert (result.returncode, result.stderr) == (2, f"peer: {words}\n")
