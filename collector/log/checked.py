"""Whether a log still is what follows from its ledger: leaf by leaf, then root by root."""

from dataclasses import dataclass, field

from collector.ledger.frame import Entry
from collector.log.signed import Signed
from shared.checkpoint import Checkpoint, read_checkpoint
from shared.dsse import read_envelope
from shared.errors import Malformed
from shared.keys import PublicKey
from shared.note import read_note
from shared.tree import EMPTY_ROOT, Edge, leaf_hash


@dataclass(slots=True)
class LeafCheck:
    """The leaves so far, and the published checkpoint (a signed note, none if nothing was) that they have to come to."""

    note: bytes = b""
    edge: Edge = field(default_factory=Edge)
    _root: bytes | None = None  # of the tree that the checkpoint speaks of
    _is_broken: bool = False  # a tree with a wrong leaf in it is compared with nothing

    def entry(self, entry: Entry) -> None:
        """Take in the ledger's next entry; raises Malformed if it is a leaf that cannot be."""
        if entry.tree is None:
            return
        try:
            if entry.tree != self.edge.size:
                raise Malformed(f"number {entry.tree} where {self.edge.size} has to come")
            key, envelope = PublicKey.from_spki(entry.signer), read_envelope(entry.body.partition(b"\n")[0])
            if key.key_id != envelope.key_id:
                raise Malformed("its header names another key than signed it")
        except Malformed:
            self._is_broken = True
            raise
        self.edge.append(leaf_hash(Signed.by(envelope, entry.signer).leaf))
        if self.note and self.edge.size == self._said.size:
            self._root = self.edge.root()

    def differs(self) -> str | None:
        """What is wrong with the checkpoint that was published, in words; None if nothing is."""
        if not self.note or self._is_broken:
            return None
        said = self._said
        root = EMPTY_ROOT if said.size == 0 else self._root
        if root is None:
            return f"{said.size} leaves were published, the ledger holds {self.edge.size}"
        return None if root == said.root else f"the {said.size} leaves that were published are not those of the ledger"

    @property
    def _said(self) -> Checkpoint:
        return read_checkpoint(read_note(self.note).text)
