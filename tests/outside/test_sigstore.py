"""Our bundles before verifiers that are not ours: Sigstore's own (npm, as published) and openssl.

npm brings the verifier at pinned versions into a folder beside the tests' interpreter. What it accepts it must accept because
everything in it fits: each change is refused, by it and by `check_bundle`, which both have to say the same.
"""

import copy
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fakes.device import Device, download
from fakes.npm import installed
from fakes.tsa import Tsa

from collector.log.growth import Growth
from collector.log.key import LogKey
from shared.bundle import Bundle, Proof, check_bundle, read_bundle, write_bundle
from shared.dsse import b64, pae, read_envelope
from shared.errors import Malformed
from shared.keys import FileKey
from shared.leaf import leaf_of
from shared.strictjson import encode
from shared.tree import Edge, leaf_hash

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
HERE = Path(__file__).resolve().parent
INSTALLED = Path(sys.prefix) / "outside"
ED25519_SPKI = bytes.fromhex("302a300506032b6570032100")
VALID = {"start": "2020-01-01T00:00:00Z"}
Spelt = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Given:
    """A bundle with its time-stamp, and whom to trust."""

    bundle: Spelt
    device: Device
    log: LogKey
    tsa: Tsa
    told: Spelt | None = None  # a root of trust made elsewhere

    def trusted(self, log: LogKey | None = None) -> Spelt:
        """Sigstore's root of trust with this log and this authority."""
        if self.told is not None and log is None:
            return self.told
        key = (log or self.log).public
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [
                {
                    "baseUrl": f"https://{key.name}",
                    "hashAlgorithm": "SHA2_256",
                    "publicKey": {
                        "rawBytes": b64(ED25519_SPKI + key.key),
                        "keyDetails": "PKIX_ED25519",
                        "validFor": VALID,
                    },
                    "logId": {"keyId": b64(key.whole_id)},
                }
            ],
            "certificateAuthorities": [],
            "ctlogs": [],
            "timestampAuthorities": [
                {
                    "subject": {"organization": "test", "commonName": "test"},
                    "uri": "https://tsa.example",
                    "certChain": {"certificates": [{"rawBytes": b64(one)} for one in self.tsa.certificates()]},
                    "validFor": VALID,
                }
            ],
        }

    def outside(self, *bundles: Spelt, log: LogKey | None = None, key: FileKey | None = None) -> list[str]:
        """What Sigstore's verifier says of each."""
        spki = (key or self.device.key).public.spki
        return said_of({"root": self.trusted(log), "keys": {self.device.dev: b64(spki)}, "bundles": bundles})

    def ours(self, bundle: Spelt) -> bool:
        """Whether we accept it; time-stamps are not ours to judge."""
        try:
            check_bundle(read_bundle(encode(bundle)), self.device.key.public, self.log.public)
        except Malformed:
            return False
        return True


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    """A batch of a device as the third of five leaves."""
    device, log, tsa = (
        Device(FileKey.generate()),
        LogKey.generate("log2026.example.net"),
        Tsa.begin(tmp_path_factory.mktemp("x") / "tsa"),
    )
    envelope = read_envelope(device.next(download()).partition(b"\n")[0])
    leaf = leaf_of(envelope.pae_sha256, envelope.signature, device.key.public.spki)
    grown = Growth(Edge(), [leaf_hash(one) for one in (b"a", b"b", leaf, b"c", b"d")])
    root = grown.root()
    proof = Proof(2, 5, root, tuple(grown.proof(2)), log.checkpoint(5, root))
    bundle = Bundle(envelope, leaf, log.public.whole_id, proof, (tsa.stamp(envelope.signature),))
    return Given(json.loads(write_bundle(bundle)), device, log, tsa)


@pytest.fixture(scope="module")
def sigstore() -> None:
    """The verifier as npm unpacks it; the test is skipped, with the reason, where it cannot be had."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    shutil.copy(HERE / "verify.mjs", installed(HERE / "package.json", INSTALLED.name))


def said_of(asked: Spelt) -> list[str]:
    """What Sigstore's verifier says of each bundle, by a root of trust and keys (`verify.mjs`)."""
    command = ("node", str(INSTALLED / "verify.mjs"))
    done = subprocess.run(command, input=json.dumps(asked).encode(), capture_output=True, check=True)
    found: list[str] = json.loads(done.stdout)
    return found


def changed(bundle: Spelt, change: Callable[[Spelt, Spelt], None]) -> Spelt:
    """A copy with one thing changed: given to `change` as a whole and its log entry."""
    other = copy.deepcopy(bundle)
    change(other, other["verificationMaterial"]["tlogEntries"][0])
    return other


def flipped(text: str, place: int = 5) -> str:
    """Base64 with one symbol changed."""
    return text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]


def _set(where: Spelt, name: str, value: object) -> None:
    where[name] = value


def _renumber(entry: Spelt) -> None:
    entry["logIndex"] = entry["inclusionProof"]["logIndex"] = "3"


CHANGES: dict[str, Callable[[Spelt, Spelt], None]] = {
    "payload": lambda one, _: _set(one["dsseEnvelope"], "payload", flipped(one["dsseEnvelope"]["payload"], 40)),
    "payloadType": lambda one, _: _set(one["dsseEnvelope"], "payloadType", "application/json"),
    "signature": lambda one, _: _set(
        one["dsseEnvelope"]["signatures"][0], "sig", flipped(one["dsseEnvelope"]["signatures"][0]["sig"], 20)
    ),
    "leaf": lambda _, entry: _set(entry, "canonicalizedBody", flipped(entry["canonicalizedBody"], 150)),
    "root": lambda _, entry: _set(entry["inclusionProof"], "rootHash", flipped(entry["inclusionProof"]["rootHash"])),
    "hash": lambda _, entry: _set(
        entry["inclusionProof"]["hashes"],
        0,
        flipped(entry["inclusionProof"]["hashes"][0]),  # type: ignore[arg-type]
    ),
    "a hash less": lambda _, entry: entry["inclusionProof"]["hashes"].pop(),
    "a hash more": lambda _, entry: entry["inclusionProof"]["hashes"].append("A" * 43 + "="),
    "index": lambda _, entry: _renumber(entry),
    "size": lambda _, entry: _set(entry["inclusionProof"], "treeSize", "6"),
    "checkpoint's size": lambda _, entry: _set(
        entry["inclusionProof"]["checkpoint"],
        "envelope",
        entry["inclusionProof"]["checkpoint"]["envelope"].replace("\n5\n", "\n6\n"),
    ),
    "checkpoint's origin": lambda _, entry: _set(
        entry["inclusionProof"]["checkpoint"],
        "envelope",
        entry["inclusionProof"]["checkpoint"]["envelope"].replace("log2026", "log2025"),
    ),
    "log": lambda _, entry: _set(entry["logId"], "keyId", flipped(entry["logId"]["keyId"])),
    "kind": lambda _, entry: _set(entry["kindVersion"], "version", "0.0.1"),
}


@pytest.mark.usefixtures("sigstore")
def test_sigstore_accepts_it(given: Given) -> None:
    """The whole receipt, as it is: envelope, leaf, proof, checkpoint, time."""
    assert given.ours(given.bundle)
    assert given.outside(given.bundle) == ["ok"]


@pytest.mark.threat("T7")
@pytest.mark.usefixtures("sigstore")
def test_sigstore_refuses_each_change(given: Given) -> None:
    """T7: one thing changed, and neither it nor we accept the bundle. It passes over what the checkpoint says once more."""
    said = given.outside(*(changed(given.bundle, change) for change in CHANGES.values()))
    accepted = [name for name, one in zip(CHANGES, said, strict=True) if one == "ok"]
    assert accepted == ["root", "size"]
    assert [name for name, change in CHANGES.items() if given.ours(changed(given.bundle, change))] == []


@pytest.mark.usefixtures("sigstore")
def test_sigstore_and_other_keys(given: Given) -> None:
    """Another log's key, another device's, or no time at all: refused."""
    assert given.outside(given.bundle, log=LogKey.generate("log2026.example.net")) != ["ok"]
    assert given.outside(given.bundle, key=FileKey.generate()) != ["ok"]
    without = changed(given.bundle, lambda one, _: one["verificationMaterial"].pop("timestampVerificationData"))
    assert given.outside(without) != ["ok"]
    assert given.ours(without)  # ours takes the witnesses' time instead


def test_openssl_checks_signature_and_time(given: Given) -> None:
    """`openssl dgst` over the PAE and `openssl ts` over the signature, as whoever has nothing of ours would do it."""
    bundle, tsa = read_bundle(encode(given.bundle)), given.tsa
    (tsa.folder / "pae.bin").write_bytes(pae(bundle.envelope.payload))
    (tsa.folder / "sig.der").write_bytes(bundle.envelope.signature)
    (tsa.folder / "device.pem").write_bytes(given.device.key.public.to_pem())
    (tsa.folder / "token.tsr").write_bytes(bundle.tokens[0])
    dgst = ("dgst", "-sha256", "-verify", "device.pem", "-signature", "sig.der", "pae.bin")
    stamp = ("ts", "-verify", "-data", "sig.der", "-in", "token.tsr", "-CAfile", "ca.pem")
    assert b"Verified OK" in tsa.openssl(*dgst)
    assert tsa.openssl(*stamp) is not None
    (tsa.folder / "pae.bin").write_bytes(pae(bundle.envelope.payload + b" "))
    (tsa.folder / "sig.der").write_bytes(bundle.envelope.signature[:-1] + bytes([bundle.envelope.signature[-1] ^ 1]))
    for words in (dgst, stamp):
        with pytest.raises(subprocess.CalledProcessError):
            tsa.openssl(*words)
