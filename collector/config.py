"""The collector's configuration: parsed once, frozen, unknown keys refused because a misspelt limit is a missing limit."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from collector.errors import BadRequest
from collector.log.key import Witness, is_origin
from collector.logs import FORMATS, LEVELS
from collector.store.address import LakeAddress, read_lake
from collector.store.limits import LAKE_RUN_ROWS, RUN_ROWS, Limits
from shared.errors import Malformed
from shared.invitation import read_address
from shared.note import COSIGNATURE, NoteKey
from shared.slots import SlotPlan

DEFAULT_PORT = 8440
LOOPBACK = "127.0.0.1"
MOST_WORKERS = 64
MOST_STREAMS = 2**20
LEAST_INDEX_MB = 256
MOST_RETAIN_DAYS = 36_500
TSA_EVERY = ("checkpoint", "batch")


@dataclass(frozen=True, slots=True)
class Config:
    """Where the collector listens and keeps things. Ports: 0 picks a free one."""

    data: Path
    host: str = LOOPBACK
    port: int = DEFAULT_PORT
    url: str | None = None  # the address by which probes reach the collector, for links; None: where it listens
    peer_port: int = DEFAULT_PORT + 1
    peer_host: str | None = None  # the name probes reach the peer by; None: the one they reach the collector by
    peer_tls_cert: Path | None = None  # PEM, the chain; with it probes reach the peer by TLS
    peer_tls_key: Path | None = None  # PEM; None: in the same file
    peer_tls_port: int = DEFAULT_PORT + 2
    criteria: Path | None = None  # a folder of further criterion files
    slots: SlotPlan = field(default_factory=SlotPlan)
    code_minutes: int = 15
    reserve_mb: int = 256  # free on the disk, below which no batches are taken: the rest is for everything else
    log_format: str = "text"  # or json: one object a line
    log_level: str = "warning"
    segment_mb: int = 64  # of the ledger: a segment that long is sealed
    desk_port: int | None = None  # with workers: where the desk is reached directly; None: three above `port`
    workers: int = 0  # processes that take in batches; 0: everything in one process
    index_memory: str = "1GB"  # what the index's engine may take, beside the program itself: MB or GB
    index_threads: int = 2
    catalog: str | None = (
        None  # postgresql://…: the index is a lake that many collectors share; None: a file in the data folder
    )
    lake: str | None = None  # where the lake's files are: a shared folder, or s3://bucket/prefix?endpoint=URL
    retain_days: int | None = None  # batches older than that lose their records, once a day; None: nothing is removed
    stream: int = 0  # which of the lake's ledgers this collector's is
    witness: tuple[Witness, ...] = ()  # who is asked to cosign the log: tables with `url` and `vkey`
    quorum: int | None = None  # so many of them have to; None: all
    origin: str | None = None  # the log's name, a host's by itself, for good; None: one that no host has
    tsa: str | None = None  # the address of an authority for time-stamps (RFC 3161)
    tsa_roots: Path | None = None  # PEM: by whose certificates its answers are believed
    tsa_every: str = "checkpoint"  # or batch: each batch gets a token of its own too, as a Sigstore bundle needs it
    tsa_minutes: int = 15  # from one checkpoint with a token to the next
    report_cert: Path | None = None  # PEM, the chain: signs reports instead of one that the collector's key has issued
    report_key: Path | None = None  # PEM; None: in the same file
    ledgers: Mapping[int, str] = field(default_factory=dict)  # where those of other collectors can be read, by stream

    @property
    def index(self) -> Limits:
        """The bounds of the index's engine."""
        run_rows = RUN_ROWS if self.catalog is None else LAKE_RUN_ROWS
        return Limits(self.index_memory, self.index_threads, run_rows)

    @property
    def lake_address(self) -> LakeAddress | None:
        """Where the lake is; None without one."""
        return None if self.catalog is None or self.lake is None else LakeAddress(self.catalog, self.lake)


def parse(text: str, data: Path, options: Mapping[str, object]) -> Config:
    """Configuration from the text of a TOML file and from options, which win. Raises BadRequest naming the key."""
    try:
        told: dict[str, object] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadRequest(f"the configuration is not TOML: {error}") from error
    told |= {name: value for name, value in options.items() if value is not None}
    slot_s, guard_s = told.pop("slot_s", SlotPlan().slot_s), told.pop("guard_s", None)
    known = {item.name for item in fields(Config)} - {"data", "slots"}
    for name in told:
        if name not in known:
            raise BadRequest(f"unknown setting {name!r}; known are {', '.join(sorted(known | {'slot_s', 'guard_s'}))}")
    for name in ("port", "peer_port", "peer_tls_port", "desk_port"):
        if name in told:
            told[name] = _whole(name, told[name], 0, 65535)
    if "code_minutes" in told:
        told["code_minutes"] = _whole("code_minutes", told["code_minutes"], 1, 24 * 60)
    if "reserve_mb" in told:
        told["reserve_mb"] = _whole("reserve_mb", told["reserve_mb"], 0, 10**9)
    if "segment_mb" in told:
        told["segment_mb"] = _whole("segment_mb", told["segment_mb"], 1, 4096)
    if "workers" in told:
        told["workers"] = _whole("workers", told["workers"], 0, MOST_WORKERS)
    if "retain_days" in told:
        told["retain_days"] = _whole("retain_days", told["retain_days"], 1, MOST_RETAIN_DAYS)
    for name, allowed in (("log_format", FORMATS), ("log_level", LEVELS)):
        if name in told and told[name] not in allowed:
            raise BadRequest(f"{name} is one of {', '.join(allowed)}, not {told[name]!r}")
    if "index_threads" in told:
        told["index_threads"] = _whole("index_threads", told["index_threads"], 1, 64)
    if "index_memory" in told:
        told["index_memory"] = _memory(told["index_memory"])
    if {"catalog", "lake", "stream"} & told.keys():
        _lake(told)
    if "origin" in told and not (isinstance(told["origin"], str) and is_origin(told["origin"])):
        raise BadRequest(f'origin is a host\'s name such as "log2026.example.net", not {told["origin"]!r}')
    if "witness" in told:
        told["witness"] = _witnesses(told["witness"])
    if "quorum" in told:
        told["quorum"] = _whole("quorum", told["quorum"], 1, max(1, len(told.get("witness", ()))))  # type: ignore[arg-type]
    if {"tsa", "tsa_roots", "tsa_every", "tsa_minutes"} & told.keys():
        _tsa(told)
    if "ledgers" in told:
        told["ledgers"] = _ledgers(told["ledgers"])
    for name in ("host", "peer_host"):
        if name in told and not isinstance(told[name], str):
            raise BadRequest(f"{name} is not text")
    if "url" in told:
        told["url"] = _address("url", told["url"])
    for name in ("criteria", "tsa_roots", "peer_tls_cert", "peer_tls_key", "report_cert", "report_key"):
        if name in told:
            told[name] = Path(str(told[name]))
    for key, cert in (("peer_tls_key", "peer_tls_cert"), ("report_key", "report_cert")):
        if key in told and cert not in told:
            raise BadRequest(f"{key} needs {cert}")
    length = _whole("slot_s", slot_s, 2, 86400)
    guard = _whole("guard_s", guard_s, 0, length - 1) if guard_s is not None else min(60, length // 2)
    return Config(data=data, slots=SlotPlan(length, guard), **told)  # type: ignore[arg-type]


def _whole(name: str, value: object, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise BadRequest(f"{name} is a whole number from {least} to {most}, not {value!r}")
    return value


def _lake(told: Mapping[str, object]) -> None:
    """All three or none: two collectors with one number, if only by leaving it out, would take each other's loads for theirs."""
    missing = [name for name in ("catalog", "lake", "stream") if name not in told]
    if missing:
        raise BadRequest(f"catalog, lake and stream belong together; {' and '.join(missing)} is missing")
    read_lake(told["catalog"], told["lake"])
    _whole("stream", told["stream"], 0, MOST_STREAMS - 1)


def _ledgers(value: object) -> dict[int, str]:
    """Folders by stream; each is read, never written."""
    found = value if isinstance(value, dict) else {"": None}
    for stream, folder in found.items():
        is_stream = stream.isdecimal() and int(stream) < MOST_STREAMS
        if not is_stream or not isinstance(folder, str) or not folder.startswith("/"):
            raise BadRequest(
                f'[ledgers] says for each stream its ledger\'s absolute folder: 2 = "/…/ledger", not {value!r}'
            )
    return {int(stream): str(folder) for stream, folder in found.items()}


def _witnesses(value: object) -> tuple[Witness, ...]:
    """Tables, each with an address and a key; none twice."""
    found = []
    for one in value if isinstance(value, list) else [None]:
        match one:
            case {"url": str(url), "vkey": str(vkey), **rest} if not rest:
                try:
                    key = NoteKey.from_vkey(vkey)
                    if key.type != COSIGNATURE:
                        raise Malformed("not a key for cosignatures")
                    found.append(Witness(read_address(url), key))
                except Malformed as error:
                    raise BadRequest(f"witness {url}: {error}") from error
            case _:
                raise BadRequest('a witness is a table: [[witness]] with url = "https://…" and vkey = "name+id+key"')
    if len({one.key.name for one in found}) != len(found):
        raise BadRequest("two witnesses of one name")
    return tuple(found)


def _tsa(told: dict[str, object]) -> None:
    """Where, and by whose certificates: the one is of no use without the other."""
    missing = [name for name in ("tsa", "tsa_roots") if name not in told]
    if missing:
        raise BadRequest(f"tsa and tsa_roots belong together; {' and '.join(missing)} is missing")
    told["tsa"] = _address("tsa", told["tsa"])
    if not isinstance(told["tsa_roots"], (str, Path)):
        raise BadRequest("tsa_roots is the path of a PEM file")
    if told.get("tsa_every", "checkpoint") not in TSA_EVERY:
        raise BadRequest(f"tsa_every is one of {', '.join(TSA_EVERY)}, not {told['tsa_every']!r}")
    if "tsa_minutes" in told:
        told["tsa_minutes"] = _whole("tsa_minutes", told["tsa_minutes"], 1, 24 * 60)


def _memory(value: object) -> str:
    """An amount of memory in which the engine can work: it sorts runs, and beyond this it goes to the disk."""
    found = re.fullmatch(r"([1-9][0-9]{0,5})(MB|GB)", value) if isinstance(value, str) else None
    if found is None or int(found[1]) * (1 if found[2] == "MB" else 1000) < LEAST_INDEX_MB:
        raise BadRequest(f"index_memory is text such as 512MB or 2GB, at least {LEAST_INDEX_MB}MB, not {value!r}")
    return str(value)


def _address(name: str, value: object) -> str:
    try:
        return read_address(str(value))
    except Malformed as error:
        raise BadRequest(f"{name}: {error}") from error
