"""Sigstore bundles of what is in the log, for whoever signed it and for everybody else."""

from collector import quickjson
from collector.ledger.frame import Proven
from shared.bundle import Bundle, Proof, write_bundle
from shared.checkpoint import read_checkpoint
from shared.dsse import Envelope
from shared.leaf import leaf_of
from shared.note import read_note
from shared.tree import HASH_BYTES


def bundle_of(envelope: Envelope, spki: bytes, proven: Proven, log_id: bytes, tokens: tuple[bytes, ...] = ()) -> bytes:
    """The bundle (one line, no LF) of what this key has signed, in the log with this id; `tokens` are over its signature."""
    found = read_checkpoint(read_note(proven.note).text)
    hashes = tuple(proven.hashes[at : at + HASH_BYTES] for at in range(0, len(proven.hashes), HASH_BYTES))
    proof = Proof(proven.index, found.size, found.root, hashes, proven.note)
    leaf = leaf_of(envelope.pae_sha256, envelope.signature, spki)
    return write_bundle(Bundle(envelope, leaf, log_id, proof, tokens), quickjson.spell)
