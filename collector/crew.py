"""The processes beside the one that has the index: one that writes the ledger, and workers that take in batches.

They are started here and started again if they end by themselves; who waited for one that died is answered 503 and sends
again. They end when their stdin does, so they never outlive this process, however it ends. Their sockets are in a folder
of its own with a short name, which only this user can enter: the system allows a socket's path about a hundred bytes. It is
locked as long as this process lives, so the folder of one that was killed is known by its lock, and the next start removes it.
"""

import contextlib
import fcntl
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, Self

from collector.catalog.sharing import told_of
from collector.clock import Clock
from collector.config import Config
from collector.errors import CollectorError
from collector.keyfiles import load_or_create
from collector.ledger.client import LedgerClient
from collector.log.following import log_in_use
from collector.metrics import environment

_PREFIX: Final = "speedproof-crew-"
_LOCK: Final = "lock"
_PAUSE_S: Final = 0.2  # before an ended process is started again
_PATIENCE_S: Final = 10.0  # for one that was told to end
_MOST_ENDS: Final = 5  # within `_ENDS_WITHIN_S`: then something is wrong that starting again does not mend
_ENDS_WITHIN_S: Final = 30
log = logging.getLogger(__name__)


class CrewFailed(CollectorError):
    """A process could not be started, or ended again and again."""


class DidNotComeUp(CrewFailed):
    """A process ended before it said that it was ready."""


@dataclass(slots=True)
class Mate:
    """One process that is kept running."""

    name: str
    command: Sequence[str]
    socket: socket.socket  # it inherits
    errors: Path
    metrics: Path  # the folder its figures go to
    told: Mapping[str, str] = field(default_factory=dict)  # what is in its environment besides
    ends: list[float] = field(default_factory=list)
    process: "subprocess.Popen[bytes] | None" = None
    why: str = ""  # it did not come up the last time that it did not

    def start(self) -> dict[str, Any]:
        """Start it, also again; what it said when it was ready. Raises DidNotComeUp, OSError."""
        self._let_go()
        command = [sys.executable, "-m", *self.command]
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                pass_fds=(self.socket.fileno(),),
                env=environment(self.metrics) | dict(self.told),
            )
        return _ready(self.name, self.process.stdout, self.errors)

    def outcome(self) -> int:
        """The exit code of one that said no more, below 0 if it was killed; it is, if it does not end."""
        if self.process is None:
            return 0
        try:
            return self.process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def end(self) -> None:
        """Tell it to end, and wait."""
        if self.process is None:
            return
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        self.outcome()
        self._let_go()

    def _let_go(self) -> None:
        for pipe in () if self.process is None else (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


class Crew:
    """All of them. A context: left, they have ended."""

    def __init__(self, config: Config, clock: Clock, failed: Callable[[], None] = lambda: None) -> None:
        """For this configuration. `failed` is called if one cannot be kept running."""
        self._config, self._clock = config, clock
        self.failed = failed
        self.failure: str | None = None
        self._mates: list[Mate] = []
        self._threads: list[threading.Thread] = []
        self._ending = threading.Event()
        self._starting = threading.Lock()  # or one could be started again while all are told to end
        self._folder, self._lock = _quarters(Path("/tmp") if Path("/tmp").is_dir() else Path(tempfile.gettempdir()))  # noqa: S108 - short, and mode 0700
        self.metrics = self._folder / "metrics"
        self.metrics.mkdir()
        self._sockets: list[socket.socket] = []
        self.desk = self._listener("desk")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all: those first that were started last, so that whoever still hands over is answered."""
        with self._starting:
            self._ending.set()
        for mate in reversed(self._mates):
            mate.end()
        for thread in self._threads:
            thread.join(_PATIENCE_S)
        for one in self._sockets:
            one.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        os.close(self._lock)

    @property
    def ledger(self) -> str:
        """The socket of the process that writes the ledger."""
        return str(self._folder / "ledger")

    def open_ledger(self, folder: Path, committed: Callable[[], None]) -> LedgerClient:
        """Start the process that writes the ledger; a way to write through it."""
        door = self._listener("ledger")
        config = self._config
        command = ["collector.ledger.clerk", "--ledger", str(folder), "--listener", str(door.fileno())]
        command += ["--segment-mb", str(config.segment_mb), "--reserve-mb", str(config.reserve_mb), *self._logging]
        log_in_use(config.data / "keys", config.origin)  # or whoever needs it first would make one without its name
        signer = load_or_create(config.data / "keys" / "collector.pem").public.key_id
        catalog = told_of(config.catalog, config.stream, signer)
        told = self._start(Mate("ledger", command, door, self._log("ledger"), self.metrics, catalog))
        return LedgerClient(self.ledger, folder, int(told["torn_bytes"]), committed)

    def start_workers(self, count: int, listener: socket.socket) -> None:
        """Start so many workers, which all accept on this socket."""
        for number in range(1, count + 1):
            name = f"worker-{number}"
            command = ["collector.worker", "--data", str(self._config.data), "--listener", str(listener.fileno())]
            command += ["--ledger", self.ledger, "--desk", str(self._folder / "desk")]
            command += [f"--witness={one.key.vkey}" for one in self._config.witness]
            self._start(Mate(name, [*command, *self._logging], listener, self._log(name), self.metrics))

    @property
    def _logging(self) -> list[str]:
        return ["--log-format", self._config.log_format, "--log-level", self._config.log_level]

    def _log(self, name: str) -> Path:
        return self._config.data / f"{name}.log"

    def _listener(self, name: str) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX)
        self._sockets.append(listener)
        listener.bind(str(self._folder / name))
        listener.listen(socket.SOMAXCONN)
        return listener

    def _start(self, mate: Mate) -> dict[str, Any]:
        self._mates.append(mate)
        told = mate.start()
        thread = threading.Thread(target=self._keep, args=(mate,), name=f"keeper of {mate.name}", daemon=True)
        self._threads.append(thread)
        thread.start()
        return told

    def _keep(self, mate: Mate) -> None:
        """Start it again whenever it ends, until told to end or until that is of no use."""
        while mate.process is not None:
            code = mate.process.wait()
            self._ending.wait(_PAUSE_S)
            with self._starting:
                if self._ending.is_set() or not self._start_again(mate, code):
                    return

    def _start_again(self, mate: Mate, code: int) -> bool:
        """Start one that ended; False if that is of no use."""
        now_s = self._clock.mono_us() / 1e6
        mate.ends = [end_s for end_s in mate.ends if now_s - end_s < _ENDS_WITHIN_S] + [now_s]
        log.warning("%s ended (exit code %s); it is started again", mate.name, code)
        try:
            if len(mate.ends) > _MOST_ENDS:
                why = f" ({mate.why})" if mate.why else ""
                raise CrewFailed(
                    f"{mate.name} ended {len(mate.ends)} times in {_ENDS_WITHIN_S} s{why}; see {mate.errors}"
                )
            mate.start()
        except DidNotComeUp as error:
            mate.why = str(error)
            if mate.outcome() >= 0:  # by itself: it would do so again
                self._give_up(mate.why)
                return False
        except (CrewFailed, OSError) as error:
            self._give_up(str(error))
            return False
        return True

    def _give_up(self, why: str) -> None:
        self.failure = why
        self.failed()


def _quarters(place: Path) -> tuple[Path, int]:
    """A new folder, and its lock; those of processes that are gone are removed."""
    for folder in place.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # it is in use, somebody else's, or just being made or removed
            _remove_left(folder)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    draft = folder / f"{_LOCK}.new"
    lock = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    draft.rename(folder / _LOCK)  # locked before it can be found
    return folder, lock


def _remove_left(folder: Path) -> None:
    """Remove a folder of ours whose process is gone; raises OSError if it is none."""
    inside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.fstat(inside).st_uid != os.geteuid():
            return
        lock = os.open(_LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=inside)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)
    finally:
        os.close(inside)


def _ready(name: str, output: IO[bytes] | None, log_file: Path) -> dict[str, Any]:
    line = b"" if output is None else output.readline()
    try:
        told: dict[str, Any] = json.loads(line)
    except ValueError as error:
        tail = log_file.read_text(errors="replace").strip().splitlines()[-1:]
        raise DidNotComeUp(f"{name} did not come up: {' '.join(tail) or 'it said nothing'}") from error
    return told
