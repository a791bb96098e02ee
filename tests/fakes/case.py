"""A case with its collector and its evidence file, to be tampered with."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fakes.history import History

from collector.evidence.archive import read_archive
from collector.evidence.check import Step
from collector.evidence.logged import BUNDLES, PROOFS
from collector.services import Services
from shared import dsse, strictjson
from shared.dsse import read_envelope
from shared.keys import FileKey
from shared.statement import Kind, Statement, read_statement

Files = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Case:
    """A case, its collector and its evidence."""

    services: Services
    history: History
    zipped: bytes

    @property
    def files(self) -> Files:
        """The members, to be tampered with."""
        return read_archive(self.zipped)

    @property
    def unbundled(self) -> Files:
        """The members without the bundles: for changing what those are made of."""
        return without(self.files, BUNDLES)

    def signed_anew(self, files: Mapping[str, bytes], key: FileKey | None = None) -> Files:
        """The members under a manifest made to fit, signed with the collector's own key (or another)."""
        return signed_anew(files, key or self.services.collector_key)

    def without_newest(self) -> Files:
        """The evidence without the newest batch of the first device and without any trace of it, counted and signed anew."""
        files, dev = self.unbundled, self.history.devices[0].dev
        name = max(one for one in files if one.startswith(f"batches/{dev}"))
        del files[name], files[name.replace("batches/", "receipts/").replace(".ndjson", ".json")]
        files[PROOFS] = b"".join(line for line in files[PROOFS].splitlines(keepends=True) if name.encode() not in line)
        told = json.loads(files["case.json"])
        told["counts"]["signed"]["ok"] -= 1
        told["counts"]["signed"]["failed"] -= 1
        told["grades"][0]["n"] -= 2
        files["case.json"] = json.dumps(told).encode()
        return self.signed_anew(files)


def without(files: Files, *folders: str) -> Files:
    """The members that are not in these folders."""
    return {name: data for name, data in files.items() if not name.startswith(folders)}


def signed_anew(files: Mapping[str, bytes], signer: FileKey) -> Files:
    """The members under a manifest made to fit, signed with this key."""
    kept = {name: data for name, data in files.items() if not name.startswith("manifest.")}
    manifest = strictjson.decode(files["manifest.json"][:-1])
    manifest["files"] = {name: hashlib.sha256(data).hexdigest() for name, data in kept.items()}
    data = strictjson.encode(manifest) + b"\n"
    told = read_statement(read_envelope(files["manifest.dsse.json"][:-1]).payload, Kind.VERDICT)
    again = Statement(Kind.VERDICT, "manifest.json", hashlib.sha256(data).hexdigest(), told.predicate)
    kept["manifest.json"] = data
    kept["manifest.dsse.json"] = dsse.seal(again.encode(), signer) + b"\n"
    return kept


def changed(files: Files, signer: FileKey, change: Files, *gone: str) -> Files:
    """The members with some changed and some gone, under a manifest made to fit."""
    kept = {**files, **change}
    for name in gone:
        del kept[name]
    return signed_anew(kept, signer)


def step_of(steps: Sequence[Step], name: str) -> Step:
    """The step of this name; the last that was gone through, if it was not come to."""
    return next((one for one in steps if one.name == name), steps[-1])
