"""The Sigstore bundles that an evidence file itself holds, so that programs of others need nothing of ours; needs only `shared`.

    bundles/<dev>/<number>.sigstore.json   the bundle of batches/<dev>/<number>.ndjson
    bundles/<dev>/key.pem                  the key that signed it
    bundles/trusted_root.json              the log's key and the authority's certificates, as Sigstore's verifiers want them

The names are those that `speedproof-verify --bundles` writes. All of it is made of the rest of the file, byte for byte, and is
checked to be, so none of it needs to be believed by itself. How many there are, and of which batches, is the collector's choice.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from collector.evidence.logged import BUNDLES, PROOFS, Place, bundle_of, places_in
from collector.evidence.sigstore import TRUSTED_ROOT, Chain, root_of_trust
from collector.evidence.stamped import ROOTS, sigstore_bundles, tokens_of
from shared import strictjson
from shared.dsse import b64, b64_exact
from shared.errors import Malformed, NoTool
from shared.keys import PublicKey
from shared.note import NoteKey
from shared.timestamp import chain_of, read_roots

MOST_BUNDLES: Final = 100
MOST_ROOT_BYTES: Final = 1 << 16  # so that looking for its certificates takes no time
ROOT: Final = f"{BUNDLES}{TRUSTED_ROOT}"
_KEY: Final = "/key.pem"
_BUNDLE: Final = ".sigstore.json"
_BEGIN, _END = b"-----BEGINCERTIFICATE-----", b"-----ENDCERTIFICATE-----"  # as they are without white space


def enclosed_in(
    files: Mapping[str, bytes], leaves: Mapping[str, int], key_of: Callable[[str], PublicKey | None], log: NoteKey
) -> dict[str, bytes]:
    """What goes into a file beside these members: bundles of its newest batches, their keys, the root of trust.

    `leaves`: the number in the log of each file with a proof; `key_of` gives a device's by its id.
    """
    signers = {name: key for name in newest_of(leaves, MOST_BUNDLES) if (key := key_of(_dev(name))) is not None}
    if PROOFS not in files or not signers:
        return {}
    lines = dict(zip(sorted(leaves), files[PROOFS].splitlines(keepends=True), strict=True))
    places = places_in({PROOFS: b"".join(lines[name] for name in signers)})
    made = {bundle_of(name): data + b"\n" for name, data in sigstore_bundles(files, signers, log, places)}
    made |= {f"{BUNDLES}{_dev(name)}{_KEY}": key.to_pem() for name, key in signers.items()}
    root = _root(log, _chains(files, signers))
    return made | {ROOT: root if len(root) <= MOST_ROOT_BYTES else _root(log, ())}


def newest_of(leaves: Mapping[str, int], most: int) -> list[str]:
    """Of which batches there are bundles: the newest of each device's key, then the newest of all, so many at most."""
    batches = sorted((name for name in leaves if name.startswith("batches/")), key=lambda name: -leaves[name])
    first = {_dev(name): name for name in reversed(batches)}
    return sorted(batches, key=lambda name: first[_dev(name)] != name)[:most]


def check_enclosed(
    files: Mapping[str, bytes], keys: Mapping[str, PublicKey], places: Mapping[str, Place], log: NoteKey | None
) -> int:
    """How many bundles there are, once each of these members is what the rest of the file makes it; raises Malformed naming it.

    `places`: where the batches are that have a bundle, as their proofs say; no log: nothing can be there.
    """
    names = sorted(name for name in files if name.startswith(BUNDLES))
    if not names:
        return 0
    if log is None:
        raise Malformed(f"{names[0]}: there is no log that has it")
    signers = {name: keys[_dev(name)] for name in places if name.startswith("batches/")}
    made = {bundle_of(name): data + b"\n" for name, data in sigstore_bundles(files, signers, log, places)}
    made |= {f"{BUNDLES}{dev}{_KEY}": key.to_pem() for dev, key in keys.items()}
    for name in names:
        if name == ROOT:
            _check_root(files, log)
        elif name not in made:
            raise Malformed(f"{name}: of no batch that is here and in the log")
        elif made[name] != files[name]:
            raise Malformed(f"{name}: not what the batch, its proof and its key make it")
    return sum(name.endswith(_BUNDLE) for name in names)


def _check_root(files: Mapping[str, bytes], log: NoteKey) -> None:
    """Return only if the root of trust has this log, and no certificate that is not with the authority's or in a token."""
    data = files[ROOT]
    try:
        if len(data) > MOST_ROOT_BYTES:
            raise Malformed("too long")
        told: Any = strictjson.decode(data.removesuffix(b"\n"))
        chains = [
            tuple(b64_exact(one["rawBytes"]) for one in authority["certChain"]["certificates"])
            for authority in told["timestampAuthorities"]
        ]
        if data != _root(log, chains):
            raise Malformed("spelt otherwise")
    except (Malformed, KeyError, TypeError) as error:
        raise Malformed(f"{ROOT}: not a root of trust with the log's key") from error
    if _here(chains, files) != chains:
        raise Malformed(f"{ROOT}: a certificate that is in no time-stamp and not with the authority's")


def _here(chains: Iterable[Chain], files: Mapping[str, bytes]) -> list[Chain]:
    """Those of these chains of which each certificate is in the file: with the authority's, or in a token of a batch."""
    told, tokens = b"".join(files.get(ROOTS, b"").split()), tokens_of(files).values()

    def is_here(one: bytes) -> bool:
        return _BEGIN + b64(one).encode() + _END in told or any(one in token for token in tokens if one)

    return [chain for chain in chains if all(map(is_here, chain))]


def _chains(files: Mapping[str, bytes], names: Iterable[str]) -> list[Chain]:
    """The certificates of those who made the tokens of these files, as far as they are in the file."""
    tokens = tokens_of(files)
    own = [tokens[name] for name in names if name in tokens]
    try:
        roots = read_roots(files.get(ROOTS, b"")) if own else ()
    except (Malformed, NoTool):
        return []
    return _here(sorted({chain_of(token, roots) for token in own} - {()}), files)


def _root(log: NoteKey, chains: Sequence[Chain]) -> bytes:
    return strictjson.encode(root_of_trust(log, chains, "the collector")) + b"\n"


def _dev(name: str) -> str:
    """The key that signed a batch, by the batch's name."""
    return name.split("/")[1]
