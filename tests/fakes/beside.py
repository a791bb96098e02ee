"""An honest probe beside whatever else is done to a collector, and how much memory its processes take meanwhile."""

import contextlib
import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil
from fakes.device import Device
from fakes.running import PATIENCE_S, Running

ENOUGH = 6  # batches that must be acknowledged from when it gets rough
MIB = 1 << 20


@dataclass
class Honest:
    """A probe that sends one batch after another and asks what only the desk's process can tell, and what it was answered."""

    device: Device
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    broken: list[Exception] = field(default_factory=list)

    @property
    def batches(self) -> int:
        """How many were acknowledged."""
        return self.answers["batch", 201]

    def send(self, collector: Running, stop: threading.Event) -> None:
        """Go on until told to stop."""
        try:
            while not stop.is_set():
                body = self.device.seal()
                status = collector.post_batch(body).status
                self.answers["batch", status] += 1
                if status != 201:
                    return
                self.device.told(body)
                self.answers["desk", collector.send("GET", "/v1/collector").status] += 1
                stop.wait(0.01)
        except (OSError, http.client.HTTPException) as error:
            self.broken.append(error)

    def goes_on(self) -> None:
        """Wait until it was served often enough from now on; nothing else than what it asked for may have come."""
        wanted, deadline = self.batches + ENOUGH, time.monotonic() + PATIENCE_S
        while self.batches < wanted:
            self.is_served()
            assert time.monotonic() < deadline, "an honest probe waits for an answer"
            time.sleep(0.02)

    def is_served(self) -> None:
        """Nothing else than what it asked for may have come until now."""
        assert not self.broken, self.broken
        assert set(self.answers) <= {("batch", 201), ("desk", 200)}, self.answers


@contextlib.contextmanager
def honest(collector: Running, line: str) -> Iterator[Honest]:
    """A probe that is at work as long as the block lasts, and must have been served all the time."""
    one, stop = Honest(collector.enrolled(line)), threading.Event()
    thread = threading.Thread(target=one.send, args=(collector, stop))
    thread.start()
    try:
        one.goes_on()
        yield one
        one.goes_on()
    finally:
        stop.set()
        thread.join()
    one.is_served()
    counted(collector, line, one.batches)


def counted(collector: Running, line: str, records: int) -> None:
    """Wait until so many finished measurements of a line are shown, none more: the index may be a little late."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := collector.case(line)["counts"]["signed"]["ok"]) != records:
        assert found < records
        assert time.monotonic() < deadline, f"{found} of {records} records are shown"
        time.sleep(0.1)


def processes(collector: Running) -> dict[str, psutil.Process]:
    """The collector's own processes, by name; not its peer."""
    found = {"desk": psutil.Process(collector.process.pid)}
    for module, pids in collector.children.items():
        if module != "collector.peer":
            found |= {f"{module} {number}": psutil.Process(pid) for number, pid in enumerate(pids)}
    return found


@contextlib.contextmanager
def bounded(collector: Running, **most_mib: int) -> Iterator[None]:
    """While the block lasts no process may take so much more memory than before; by the last word of its module's name."""
    watched = processes(collector)
    before = {name: one.memory_info().rss for name, one in watched.items()}
    most, stop = dict(before), threading.Event()

    def look() -> None:
        while not stop.wait(0.01):
            for name, one in watched.items():
                with contextlib.suppress(psutil.NoSuchProcess):
                    most[name] = max(most[name], one.memory_info().rss)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    for name, one in watched.items():
        assert one.is_running(), f"{name} is another process than before"
        grown = (most[name] - before[name]) / MIB
        print(f"{name}: {before[name] / MIB:.0f} MiB, at most {grown:.0f} MiB more")  # noqa: T201 - for whoever changes a bound
        assert grown <= most_mib[name.split()[0].rpartition(".")[2]], f"{name} took {grown:.0f} MiB more"
