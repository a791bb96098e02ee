"""What the collector counts of itself, for Prometheus. Figures of what it does, never of what was measured, and of nobody.

Workers and the ledger's writer are processes of their own: they leave their figures in files of one folder (the library's
way), and the process with the index adds everybody's up when it is asked.
"""

import asyncio
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

FOLDER_NAME: Final = "PROMETHEUS_MULTIPROC_DIR"  # the library's variable, set for every process but the first
MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_TOLD_AFTER_S: Final = 0.2
_SECONDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
_ENTRIES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """One process's figures."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self.registry = CollectorRegistry()
        self.batches = self._counter("batches", "Batches answered with a receipt", "answer")
        self.records = self._counter("records", "Records kept")
        self.refused = self._counter("refused", "Batches answered with an error, by its name", "reason")
        self.group_entries = self._histogram("group_entries", "Entries written with one fsync", _ENTRIES)
        self.commit_seconds = self._histogram("commit_seconds", "From writing a group to its fsync", _SECONDS)
        self.held_bytes = Gauge(
            "speedproof_held_bytes", "Bodies held in memory", registry=self.registry, multiprocess_mode="livesum"
        )

    def measured(self, entries: int, seconds: float) -> None:
        """Note one group written to the ledger."""
        self.group_entries.observe(entries)
        self.commit_seconds.observe(seconds)

    def _counter(self, name: str, words: str, *labels: str) -> Counter:
        return Counter(f"speedproof_{name}", words, labels, registry=self.registry)

    def _histogram(self, name: str, words: str, buckets: Iterable[float]) -> Histogram:
        return Histogram(f"speedproof_{name}", words, buckets=tuple(buckets), registry=self.registry)


class Tally:
    """A counter that is added to for every request, from one event loop: told to the library a few times a second."""

    def __init__(self, counter: Counter) -> None:
        """Count into this."""
        self._counter, self._untold = counter, 0

    def add(self, more: int) -> None:
        """Count so many more."""
        if not self._untold:
            asyncio.get_running_loop().call_later(_TOLD_AFTER_S, self.tell)
        self._untold += more

    def tell(self) -> None:
        """Tell what was counted."""
        untold, self._untold = self._untold, 0
        self._counter.inc(untold)


class _Sum(Collector):
    """The figures of several sources as one: equal names and labels are added."""

    def __init__(self, sources: Iterable[Collector]) -> None:
        self._sources = tuple(sources)

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        values: dict[str, dict[tuple[str, frozenset[tuple[str, str]]], Sample]] = {}
        for source in self._sources:
            for family in source.collect():
                families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                samples = values.setdefault(family.name, {})
                for sample in family.samples:
                    if sample.name.endswith(
                        "_created"
                    ):  # when a process began to count; the sum of several says nothing
                        continue
                    key = (sample.name, frozenset(sample.labels.items()))
                    before = samples[key].value if key in samples else 0.0
                    samples[key] = Sample(sample.name, sample.labels, before + sample.value)
        for name, family in families.items():
            family.samples = list(values[name].values())
            yield family


def exposition(metrics: Metrics, now: dict[str, tuple[str, float]], folder: Path | None) -> bytes:
    """Everybody's figures as text; `now` are figures of this moment, by name, with their words."""
    everybody = CollectorRegistry()
    sources: list[Collector] = [_OfRegistry(metrics.registry)]
    if folder is not None:
        sources.append(MultiProcessCollector(CollectorRegistry(), str(folder)))  # type: ignore[no-untyped-call]
    everybody.register(_Sum(sources))
    for name, (words, value) in now.items():
        Gauge(f"speedproof_{name}", words, registry=everybody).set(value)
    return generate_latest(everybody)


class _OfRegistry(Collector):
    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        return self._registry.collect()


def environment(folder: Path) -> dict[str, str]:
    """What the other processes are started with."""
    return os.environ | {FOLDER_NAME: str(folder)}
