"""A witness on a real socket (C2SP tlog-witness): honest, or wrong in the one way it is told. TEST ONLY: fixed keys."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPMessage

from fakes.answering import answering
from fakes.notary import Notary

from shared.checkpoint import open_checkpoint
from shared.dsse import b64_exact
from shared.errors import Malformed
from shared.note import COSIGNATURE, NoteKey, sign
from shared.tree import EMPTY_ROOT, check_consistency


@dataclass
class FakeWitness:
    """What it has seen of each log it knows, by origin."""

    number: int = 0
    logs: dict[str, NoteKey] = field(default_factory=dict)
    now_s: int = 1_800_000_000
    wrong: str = ""
    url: str = ""
    asked: list[bytes] = field(default_factory=list)
    seen: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the key."""
        self.notary = Notary(f"witness.example/w{self.number}", 0x57 + self.number, COSIGNATURE)

    def add_checkpoint(self, body: bytes) -> tuple[int, bytes]:
        """The answer to a request."""
        self.asked.append(body)
        if self.wrong in ("500", "404", "403", "422"):
            return int(self.wrong), b"so it is\n"
        if self.wrong == "nonsense":
            return 200, b"hello\n\xff"
        if self.wrong == "nothing":
            return 200, b""
        if self.wrong == "sees more":
            return 409, b"1000000\n"
        if self.wrong == "endless sizes":
            return 409, b"%d\n" % len(self.asked)
        head, found, note = body.partition(b"\n\n")
        try:
            first, *lines = head.decode().split("\n")
            old, proof = int(first.removeprefix("old ")), [b64_exact(line) for line in lines if line]
            origin = note.partition(b"\n")[0].decode()
            if not found or not first.startswith("old "):
                raise Malformed("no request")
        except ValueError:
            return 400, b"malformed\n"
        except Malformed:
            return 400, b"malformed\n"
        if origin not in self.logs:
            return 404, b"unknown origin\n"
        try:
            checkpoint = open_checkpoint(note, self.logs[origin]).checkpoint
        except Malformed:
            return 403, b"not signed by its key\n"
        size, root = self.seen.get(origin, (0, EMPTY_ROOT))
        if old > checkpoint.size:
            return 400, b"old is larger than the checkpoint\n"
        if old != size:
            return 409, b"%d\n" % size
        try:
            check_consistency(size, checkpoint.size, proof, root, checkpoint.root)
        except Malformed:
            return 422, b"not an extension\n"
        self.seen[origin] = checkpoint.size, checkpoint.root
        text = checkpoint.text if self.wrong != "another text" else checkpoint.text + "x\n"
        signature = sign(text, self.notary, self.now_s)
        return 200, signature.line.encode()


@contextmanager
def serving(witness: FakeWitness) -> Iterator[FakeWitness]:
    """Let it listen."""

    def answer(path: str, _: HTTPMessage, body: bytes) -> tuple[int, bytes]:
        return witness.add_checkpoint(body) if path == "/add-checkpoint" else (404, b"")

    with answering(answer, lambda: witness.wrong) as witness.url:
        yield witness
