"""Whether what others have said of the log still is of this log: each cosigned or stamped checkpoint, and each token over a leaf.

Reads the files as they are, also while a collector writes them: an end that is not whole yet is left out. Tokens are checked by
the certificates of the settings; without these they are not.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from collector.log import witness
from collector.log.kept import KeptView
from collector.log.stamps import LEAVES, MOST_NOTE_BYTES, NOTES, read_stamped
from shared.checkpoint import open_checkpoint
from shared.errors import Malformed
from shared.leaf import signature_in
from shared.note import NoteKey, read_note
from shared.timestamp import MAX_TOKEN_BYTES, check_token
from shared.tree import Edge

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

Say = Callable[[str, str], None]


@dataclass
class WordsCheck:
    """What there is to compare with the leaves as they come by, in order: roots by size, tokens by leaf."""

    roots: dict[int, list[tuple[str, bytes]]] = field(default_factory=dict)
    tokens: KeptView | None = None
    trusted: "tuple[Certificate, ...] | None" = None
    where: str = ""
    say: Say = lambda _where, _what: None

    @classmethod
    def of(cls, folder: Path, own: NoteKey, trusted: "tuple[Certificate, ...] | None", say: Say) -> "WordsCheck":
        """Read what is kept of this log; what is wrong by itself is said at once. Raises OSError."""
        made = cls(trusted=trusted, where=f"log/{LEAVES}.{own.id.hex()}", say=say)
        for name, note in _cosigned(folder):
            made._note(name, note, own)
        name = f"{NOTES}.{own.id.hex()}"
        stamped = KeptView(folder / name, MOST_NOTE_BYTES)
        for size in stamped.numbers():
            one = read_stamped(size, stamped.take(size) or b"")
            if made._note(f"log/{name}", one.note, own):
                made._token(f"log/{name}: {size} leaves", one.token, read_note(one.note).text.encode())
        made.tokens = KeptView(folder / f"{LEAVES}.{own.id.hex()}", MAX_TOKEN_BYTES)
        return made

    def leaf(self, number: int, leaf: bytes, edge: Edge) -> None:
        """Compare what was said of a leaf, and of the tree that ends with it."""
        for where, root in self.roots.pop(edge.size, ()):
            if root != edge.root():
                self.say(where, f"the checkpoint of {edge.size} leaves is not of the log that follows from the ledger")
        token = None if self.tokens is None else self.tokens.take(number)
        if token is not None:
            self._token(f"{self.where}: leaf {number}", token, signature_in(leaf))

    def ended(self) -> None:
        """Say what is of more leaves than there are."""
        for size, seen in sorted(self.roots.items()):
            self.say(seen[0][0], f"a checkpoint of {size} leaves, and the ledger has not got so many")
        for number in [] if self.tokens is None else self.tokens.numbers():
            self.say(self.where, f"a token over leaf {number}, which the ledger has not got")

    def _note(self, where: str, data: bytes, own: NoteKey) -> bool:
        """Take in a checkpoint; False if there is none of this log."""
        try:
            if not any(own.is_of(one) for one in read_note(data).signatures):  # of a log before this one
                return False
            found = open_checkpoint(data, own).checkpoint
        except Malformed as error:
            self.say(where, f"holds what is no checkpoint of this log: {error}")
            return False
        self.roots.setdefault(found.size, []).append((where, found.root))
        return True

    def _token(self, where: str, token: bytes, data: bytes) -> None:
        try:
            if self.trusted is not None:
                check_token(token, sha256(data).digest(), self.trusted)
        except Malformed as error:
            self.say(where, str(error))


def _cosigned(folder: Path) -> Iterator[tuple[str, bytes]]:
    data, at = (folder / witness.FILE).read_bytes() if (folder / witness.FILE).exists() else b"", 0
    while at + witness.LENGTH_BYTES <= len(data):
        end = at + witness.LENGTH_BYTES + int.from_bytes(data[at : at + witness.LENGTH_BYTES], "big")
        if end > len(data):
            return
        yield f"log/{witness.FILE}", data[at + witness.LENGTH_BYTES : end]
        at = end
