"""One emulated link with the peer behind it, its counters, and the moment its trace began.

Starts and ends everything it uses. Needs root, and the emulator in the folder `shared` beside the repository
(SPEEDPROOF_SHARED names another).
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, cast

from .runs import ToolFailed
from .truth import MILLION, PAYLOAD_BYTES, Trace, between_samples, constant_bps, trace_bps

Way = Literal["down", "up"]
WAYS: Final[tuple[Way, ...]] = ("down", "up")
REPOSITORY: Final = Path(__file__).resolve().parents[2]
PEER_PORT: Final = 8441
QUEUE_MS: Final = 200  # drop-tail, in time at the (mean) rate
_POLL_S: Final = 0.25


class NotHere(Exception):
    """Something that the benchmark needs is missing; the text says what."""


@dataclass(frozen=True, slots=True)
class Link:
    """One cell: a constant rate or a trace, the same in both directions, with delay and loss."""

    rate_bps: int = 0  # 0: a trace
    trace: str = ""
    rtt_us: int = 30_000
    loss_ppm: Mapping[Way, int] = field(default_factory=lambda: {"down": 0, "up": 0})
    queue_ms: int = QUEUE_MS
    offset_ms: int = 0  # where in the trace to begin

    @property
    def name(self) -> str:
        """Short, unique."""
        what = f"{self.trace}@{self.offset_ms // 1000}s" if self.trace else f"{self.rate_bps / MILLION:g}M"
        loss = max(self.loss_ppm.values())
        return f"{what} {self.rtt_us // 1000}ms" + (f" {loss / 10_000:g}%" if loss else "")

    @property
    def one_way_us(self) -> int:
        """Propagation delay of one direction."""
        return self.rtt_us // 2


def shared_folder() -> Path:
    """Where the emulator and the traces are; raises NotHere."""
    folder = Path(os.environ.get("SPEEDPROOF_SHARED") or REPOSITORY.parent / "shared")
    if not (folder / "tools" / "emulate.py").is_file():
        raise NotHere(f"no tools/emulate.py in {folder}; set SPEEDPROOF_SHARED to the folder that has it")
    if os.geteuid() != 0:
        raise NotHere("an emulated link needs root")
    return folder


def load_emulator() -> Any:  # noqa: ANN401 - a foreign script without types
    """The emulator's module."""
    spec = importlib.util.spec_from_file_location("emulate", shared_folder() / "tools" / "emulate.py")
    if spec is None or spec.loader is None:
        raise NotHere("emulate.py cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def traces(pair: str) -> dict[Way, Path]:
    """The files of a pair; raises NotHere."""
    files: dict[Way, Path] = {way: shared_folder() / "traces" / f"{pair}.{way}" for way in WAYS}
    for file in files.values():
        if not file.is_file():
            raise NotHere(f"no trace {file.name} in {file.parent}")
    return files


def mono_us() -> int:
    """CLOCK_MONOTONIC, by which the emulator serves its traces."""
    return time.monotonic_ns() // 1000


@dataclass(slots=True)
class Lab:
    """A link that is up."""

    link: Link
    emulator: Any
    folder: Path
    version: int = 4
    base_us: dict[Way, int] = field(default_factory=dict)
    _traces: dict[Way, Trace] = field(default_factory=dict)
    _samples: dict[Way, list[tuple[int, int]]] = field(default_factory=lambda: {"down": [], "up": []})

    @property
    def host(self) -> str:
        """The peer's address."""
        return cast("str", self.emulator.server_ip if self.version == 4 else self.emulator.server_ip6)

    @property
    def authority(self) -> str:
        """The peer's address and port, as in a URL."""
        return f"[{self.host}]:{PEER_PORT}" if self.version == 6 else f"{self.host}:{PEER_PORT}"

    def begin_traces(self) -> None:
        """Begin both traces and note when: the relay takes its base at the moment an order reaches it.

        It answers only after it has read the file, so the reading before the order is the near one. Packets of a
        saturating UDP sender arrived 0.1 to 0.2 ms after the times computed from it, on three traces.
        """
        for way, file in traces(self.link.trace).items():
            self._traces[way] = Trace.parse(file.read_text())
            self.emulator.set(way, trace_offset_ms=self.link.offset_ms)
            self.base_us[way] = mono_us() - self.link.offset_ms * 1000
            self.emulator.set(way, trace=str(file))

    def truth_bps(self, way: Way, from_us: int, until_us: int) -> int:
        """Payload that the link could carry between two moments at its serialiser."""
        loss_ppm = self.link.loss_ppm[way]
        if not self.link.trace:
            return constant_bps(self.link.rate_bps, loss_ppm, self.version)
        base_us = self.base_us[way]
        return trace_bps(self._traces[way], from_us - base_us, until_us - base_us, loss_ppm, self.version)

    def carried_bps(self, way: Way, from_us: int, until_us: int) -> int:
        """Payload that it did carry, by the emulator's counters, as if every packet had been a full one."""
        delay_us, samples = self.link.one_way_us, self._samples[way]
        first = between_samples(samples, from_us + delay_us)
        last = between_samples(samples, until_us + delay_us)
        return (last - first) * 8 * MILLION * PAYLOAD_BYTES[self.version] // (1500 * (until_us - from_us))

    def counters(self) -> dict[str, dict[str, int]]:
        """The emulator's counters by direction."""
        return cast("dict[str, dict[str, int]]", self.emulator.stats())

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Read the counters now and then for as long as the block lasts."""
        done = threading.Event()

        def poll() -> None:
            while True:
                told, now_us = self.counters(), mono_us()
                for way in WAYS:
                    self._samples[way].append((now_us, told[way]["tx_bytes"]))
                if done.wait(_POLL_S):
                    break

        thread = threading.Thread(target=poll)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def run(self, command: Sequence[str], timeout_s: float, env: Mapping[str, str] | None = None) -> str:
        """Run a program at the client's end and give what it printed; raises ToolFailed."""
        try:
            done = self.emulator.run(
                [str(word) for word in command], timeout=timeout_s, capture_output=True, text=True, env=env
            )
        except subprocess.TimeoutExpired as error:
            raise ToolFailed(f"still running after {timeout_s:g} s") from error
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["nothing"]
            raise ToolFailed(f"exit {done.returncode}: {said[-1][:160]}")
        return cast("str", done.stdout)

    def run_json(self, command: Sequence[str], timeout_s: float, env: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401
        """Run a program that prints one JSON value last."""
        told = self.run(command, timeout_s, env)
        try:
            return json.loads(told)
        except ValueError as error:
            raise ToolFailed(f"no JSON: {told[:80]!r}") from error


def once(name: str) -> list[str]:
    """How one of the small programs beside this file is started; -P keeps this folder off its path."""
    return [sys.executable, "-P", str(Path(__file__).with_name(f"{name}.py"))]


def _start_peer(here: Lab) -> None:
    command = peer_command(here.host, here.folder)
    with (here.folder / "peer.err").open("w+") as said:
        try:
            here.emulator.popen_server(command, port=PEER_PORT, wait=15, stderr=said)
        except RuntimeError as error:
            said.seek(0)
            raise NotHere(f"the peer did not start: {said.read().strip()[-300:]}") from error


def peer_command(host: str, folder: Path) -> list[str]:
    """How the peer is started."""
    words = ["--host", host, "--port", str(PEER_PORT), "--key", str(folder / "peer.pem")]
    return [sys.executable, "-P", "-m", "collector.peer", *words]


@contextmanager
def lab(link: Link, *, version: int = 4, peer: bool = True) -> Iterator[Lab]:
    """A link, with the peer running at its far end."""
    settings: dict[str, object] = {"rtt_ms": link.rtt_us / 1000, "queue_ms": link.queue_ms}
    settings |= {f"{way}_loss": loss / MILLION for way, loss in link.loss_ppm.items()}
    if link.rate_bps:
        settings["mbps"] = link.rate_bps / MILLION
    with (
        tempfile.TemporaryDirectory(prefix="speedproof-bench-") as folder,
        load_emulator().Emulator(**settings) as emulator,
    ):
        made = Lab(link, emulator, Path(folder), version)
        if peer:
            _start_peer(made)
        if link.trace:
            made.begin_traces()
        yield made
