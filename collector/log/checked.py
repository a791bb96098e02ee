"""Whether a log still is what follows from its ledger: leaf by leaf, as it was signed and as it is served, then the root."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from collector.ledger.frame import Entry, EntryKind
from collector.log.checked_words import WordsCheck
from collector.log.files import HASHES, LEAVES, LENGTH_BYTES
from collector.log.signed import Signed
from shared.checkpoint import Checkpoint, read_checkpoint
from shared.dsse import read_envelope
from shared.errors import Malformed
from shared.keys import PublicKey
from shared.nextlog import NextLog
from shared.note import read_note
from shared.tree import EMPTY_ROOT, Edge, leaf_hash


@dataclass
class LeafCheck:
    """The leaves so far, and the published checkpoint (a signed note, none if nothing was) that they have to come to."""

    note: bytes = b""
    files: Path | None = None  # the folder of the published log; none: what is served is not looked at
    edge: Edge = field(default_factory=Edge)
    words: WordsCheck = field(default_factory=WordsCheck)  # what others have said of the newest log
    _root: bytes | None = None  # of the tree that the checkpoint speaks of
    _hashes: BinaryIO | None = None
    _leaves: BinaryIO | None = None
    _is_broken: bool = False  # a tree with a wrong leaf in it is compared with nothing
    past: list[tuple[NextLog, Path | None]] = field(default_factory=list)  # logs that were followed, and their folders
    _newest: tuple[bytes, Path | None] = (b"", None)

    def __post_init__(self) -> None:
        """Begin with the first log."""
        self._newest = self.note, self.files
        self._begin()

    def _begin(self) -> None:
        """Compare with what is said of the next log, from its first leaf on."""
        self.close()
        self.edge, self._root, self._hashes, self._leaves, self._is_broken = Edge(), None, None, None, False
        self.note, self.files = (self.past[0][0].last, self.past[0][1]) if self.past else self._newest
        self.__dict__.pop("_said", None)

    def entry(self, entry: Entry) -> None:
        """Take in the ledger's next entry; raises Malformed if it is a leaf that cannot be."""
        if entry.tree is None:
            return
        if entry.kind is EntryKind.NEXT_LOG:
            self._turn(entry)
        try:
            if entry.tree != self.edge.size:
                raise Malformed(f"number {entry.tree} where {self.edge.size} has to come")
            key, envelope = PublicKey.from_spki(entry.signer), read_envelope(entry.body.partition(b"\n")[0])
            if key.key_id != envelope.key_id:
                raise Malformed("its header names another key than signed it")
        except Malformed:
            self._is_broken = True
            raise
        leaf = Signed.by(envelope, entry.signer).leaf
        self.edge.append(leaf_hash(leaf))
        if not self._is_broken and not self.past:
            self.words.leaf(entry.tree, leaf, self.edge)
        if self.note and self.edge.size == self._said.size:
            self._root = self.edge.root()
        if self.note and entry.tree < self._said.size:
            self._served(entry.tree, leaf)

    def _turn(self, entry: Entry) -> None:
        """Go on with the log that this entry begins; raises Malformed unless the one before ended as it says."""
        if not self.past:
            raise Malformed("a log that follows another, and nothing in the folder of keys says so")
        told = self.past[0][0]
        ended, is_broken = (self.edge.size, self.edge.root() if self.edge.size else EMPTY_ROOT), self._is_broken
        self.past = self.past[1:]
        self._begin()
        if told.line != entry.body[:-1]:
            raise Malformed("another log is followed here than the folder of keys says")
        if ended != (told.checkpoint.size, told.checkpoint.root) and not is_broken:
            raise Malformed(f"the log {told.old.name} did not end as it is said here")

    def _served(self, number: int, leaf: bytes) -> None:
        """Compare a leaf with what is served of it, up to the first that differs; raises Malformed, and OSError."""
        if self.files is None:
            return
        if self._hashes is None or self._leaves is None:
            self._hashes, self._leaves = (self.files / HASHES).open("rb"), (self.files / LEAVES).open("rb")
        spelt = len(leaf).to_bytes(LENGTH_BYTES, "big") + leaf
        for file, wanted in ((self._hashes, leaf_hash(leaf)), (self._leaves, spelt)):
            if file.read(len(wanted)) != wanted:
                self.files = None
                raise Malformed(f"number {number} is served as something else (log/{Path(file.name).name})")

    def close(self) -> None:
        """Let go of the files."""
        for file in (self._hashes, self._leaves):
            if file is not None:
                file.close()

    def differs(self) -> str | None:
        """What is wrong with the checkpoint that was published, in words; None if nothing is."""
        if not self.note or self._is_broken:
            return None
        said = self._said
        root = EMPTY_ROOT if said.size == 0 else self._root
        if root is None:
            return f"{said.size} leaves were published, the ledger holds {self.edge.size}"
        return None if root == said.root else f"the {said.size} leaves that were published are not those of the ledger"

    @cached_property
    def _said(self) -> Checkpoint:
        return read_checkpoint(read_note(self.note).text)
