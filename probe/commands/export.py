"""`export`: everything this device has of its owner's, in one zip; the key that signs is not in it.

Written piece by piece into a file beside the one that was asked for, which it then becomes: it is whole or not there.
"""

import argparse
import hashlib
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from probe import sealed
from probe.agent import Agent
from probe.commands.device import opened
from probe.commands.look import local_of, place_for
from probe.commands.say import FAILED, WORKED, message, show
from probe.history import FOLDER, History
from probe.home import Home
from probe.logwatch import without_proof
from probe.moments import at_time, zone_of
from probe.packed import Packed
from probe.report import counted, size
from shared import strictjson
from shared.errors import Malformed
from shared.strictjson import Json, JsonObject

if TYPE_CHECKING:
    from probe.commands.say import Commands

NAME: Final = "speedproof-export.zip"
CHUNK_BYTES: Final = 65_536
README: Final = """WHAT THIS DEVICE HAS OF YOURS

Line: {line}    Collector: {collector}
This device's key: {device}
Made: {made}

records/unsealed    measured and not signed yet          records/recent    the last records once more
batches/            what was measured and signed: all that has no receipt yet, and the last that have one
drafts/             signed, never sent, and to be signed again with other numbers (if any)
receipts/           the collector's signed word that it keeps a batch, and the proof that it is in its public log
                    (a Sigstore bundle): of the last thousand batches
complaints.ndjson   what you complained about, signed
history/            a short line for each measurement of the last months; not signed
enrolment.json      what the collector told when this device was enrolled
settings.toml       your settings, if you made any
kept/               notes of the agent: data used, pause, campaign, marks, self-test
device.pub.pem      the public key; the secret one never leaves this device and is not in here
contents.json       the SHA-256 of every file above

Everything measured that has a receipt is at the collector. Signed evidence of the whole is
made there; this copy is for you, and only what is in batches/ and receipts/ is signed.
The first line of a file in batches/ is the signature (DSSE), the others are the measurements.
"""


def add(commands: "Commands", common: argparse.ArgumentParser) -> None:
    """Say its words."""
    parser = commands.add_parser("export", parents=[common], help="all of your own data in one zip, without the key")
    parser.add_argument("--out", type=Path, metavar="FILE", help=f"where to write it (default ~/{NAME})")
    parser.add_argument("--force", action="store_true", help="replace the file if there is one")


def run(home: Home, options: argparse.Namespace) -> int:
    """Write the zip; raises StateUnusable."""
    file = place_for(options.out, NAME)
    if file.exists() and not options.force:
        message(f"speedproof-probe: {file} is there already; another name by --out, or --force to replace it")
        return FAILED
    partial = file.with_name(file.name + ".new")
    try:
        with opened(home) as agent:
            contents = write(partial, members(home, agent))
        partial.replace(file)
    except OSError as error:
        message(f"speedproof-probe: {file} cannot be written: {error.strerror}; another place by --out FILE")
        return FAILED
    finally:
        partial.unlink(missing_ok=True)
    whole = sum(int(str(one["bytes"])) for one in contents.values())
    told: JsonObject = {"file": str(file), "bytes": file.stat().st_size, "files": len(contents)}
    show(options, told, [
        f"{file}: {counted(len(contents), 'file')}, {size(file.stat().st_size)} ({size(whole)} unpacked)",
        f"in it: {_summary(contents)}",
        "It has what you measured and where you are enrolled, and not the key. README.txt in it says what is what.",
    ])  # fmt: skip
    return WORKED


def _summary(contents: Iterable[str]) -> str:
    """What is in it, folder by folder."""
    folders = Counter(name.partition("/")[0] for name in contents)
    return ", ".join(name if "." in name else f"{name} ({counted(count, 'file')})" for name, count in folders.items())


def members(home: Home, agent: Agent) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Every file of the zip but the last: its name, and its bytes piece by piece."""
    outbox, local, wall_us = agent.outbox, local_of(agent), agent.clock.wall_us()
    made = f"{at_time(wall_us, 0, local)} ({zone_of(local(wall_us))})"
    enrolled = agent.enrolled
    readme = README.format(
        line=enrolled.subscriber, collector=enrolled.collector_url, device=agent.signer.public.key_id, made=made
    )
    yield "README.txt", [readme.encode()]
    # As things move on beside us: what is sealed meanwhile is in two places, and nothing is in none.
    yield "records/unsealed.ndjson", (one.line for one in outbox.sealable())
    for number, packed in sealed.drafts(home.outbox_folder):
        yield _unpacked(f"drafts/{number:06}", packed)
    for number, packed in sealed.bodies(home.outbox_folder):
        yield _unpacked(f"batches/{number:06}", packed)
    yield "records/recent.ndjson", outbox.recent()
    for number, receipt in outbox.receipts():
        line, proof = without_proof(receipt)
        yield f"receipts/{number:06}.json", [line]
        if proof:
            yield f"receipts/{number:06}.sigstore.json", [proof]
    yield "complaints.ndjson", (line + b"\n" for line in sealed.complaints(home.outbox_folder))
    for file in History(home.folder / FOLDER).files():
        yield f"history/{file.name}", _pieces(file)
    for name, path in (("enrolment.json", "enrolled.json"), ("settings.toml", "settings.toml")):
        if (home.folder / path).exists():
            yield name, _pieces(home.folder / path)
    for name, value in sealed.kept(home.outbox_folder):
        yield f"kept/{name}", [value]
    yield "device.pub.pem", [agent.signer.public.to_pem()]


def _unpacked(name: str, packed: Packed) -> tuple[str, Iterable[bytes]]:
    """A body as it was signed; one that is damaged as it lies there, since it is its owner's all the same."""
    try:
        return f"{name}.ndjson", [packed.body]
    except Malformed:
        return f"{name}.damaged.gz", [packed.gzip]


def write(file: Path, parts: Iterable[tuple[str, Iterable[bytes]]]) -> dict[str, JsonObject]:
    """Write the zip with `contents.json` last, for its owner only; what is in it. Raises OSError."""
    contents: dict[str, JsonObject] = {}
    file.touch(mode=0o600)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, pieces in parts:
            digest, count = hashlib.sha256(), 0
            with archive.open(name, "w") as out:
                for piece in pieces:
                    out.write(piece)
                    digest.update(piece)
                    count += len(piece)
            contents[name] = {"bytes": count, "sha256": digest.hexdigest()}
        files: dict[str, Json] = dict(contents)
        archive.writestr("contents.json", strictjson.encode({"files": files}))
    return contents


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as text:
        while piece := text.read(CHUNK_BYTES):
            yield piece
