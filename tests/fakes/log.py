"""A log in memory that a probe is shown: honest, or one that says two things. Its key is made anew each time."""

from dataclasses import dataclass, field

from fakes.notary import Notary

from collector.log.key import LogKey
from probe.errors import CollectorSilent
from probe.net.collector import Told
from shared.bundle import Bundle, Proof, write_bundle
from shared.dsse import b64, read_envelope
from shared.keys import FileKey, PublicKey
from shared.leaf import leaf_of
from shared.nextlog import NextLog
from shared.note import Note, read_note, sign
from shared.strictjson import Json, JsonObject, decode
from shared.tree import Edge, consistency, inclusion, leaf_hash, root_of


@dataclass
class FakeLog:
    """Leaves in order; answers `GET /v1/log` as `probe.net.collector.Collector` does."""

    key: LogKey = field(default_factory=LogKey.generate)
    leaves: list[bytes] = field(default_factory=list)
    asked: list[tuple[int | None, int | None]] = field(default_factory=list)
    is_away: bool = False
    shows: int | None = None  # no proof for trees larger than that, as if they were not published yet
    proof: list[str] | None = None  # instead of the true one
    witnesses: list[Notary] = field(default_factory=list)
    history: list[Json] = field(default_factory=list)  # the statements by which it follows others
    past: "dict[str, FakeLog]" = field(default_factory=dict)  # these, by name
    times_s: tuple[int, ...] = ()  # at which the first of them cosigned: the first of its day, and the newest

    def node(self, level: int, index: int) -> bytes:
        """The hash of a complete subtree."""
        edge = Edge()
        for leaf in self.leaves[index << level : (index + 1) << level]:
            edge.append(leaf_hash(leaf))
        return edge.root()

    def note(self, size: int | None = None) -> bytes:
        """A signed checkpoint."""
        size = len(self.leaves) if size is None else size
        return self.key.checkpoint(size, root_of(self.node, size))

    def cosigned(self, time_s: int, size: int | None = None) -> bytes:
        """A checkpoint that all witnesses have cosigned."""
        note = read_note(self.note(size))
        signatures = [sign(note.text, witness, time_s) for witness in self.witnesses]
        return Note(note.text, (*note.signatures, *signatures)).data

    def grow(self, count: int = 1, mark: str = "") -> None:
        """Further leaves of others."""
        for _ in range(count):
            self.leaves.append(f"{mark}{len(self.leaves)}".encode())

    def bundle(self, body: bytes, key: PublicKey, size: int | None = None) -> JsonObject:
        """Log a batch, and prove it in the tree as it is then, or that of `size` leaves."""
        envelope = read_envelope(body.partition(b"\n")[0])
        leaf = leaf_of(envelope.pae_sha256, envelope.signature, key.spki)
        if leaf not in self.leaves:
            self.leaves.append(leaf)
        index, size = self.leaves.index(leaf), size or len(self.leaves)
        hashes = tuple(inclusion(self.node, index, size))
        proof = Proof(index, size, root_of(self.node, size), hashes, self.note(size))
        return decode(write_bundle(Bundle(envelope, leaf, self.key.public.whole_id, proof)))

    def followed(self, collector: FileKey) -> "FakeLog":
        """The log that follows it, by this collector's word: begun with that statement."""
        new = LogKey.generate()
        line = NextLog.make(self.note(), self.key, new, collector)
        envelope = read_envelope(line)
        first = leaf_of(envelope.pae_sha256, envelope.signature, collector.public.spki)
        history = [*self.history, decode(line)]
        return FakeLog(new, [first], history=history, past={**self.past, self.key.public.name: self})

    async def get_log(self, since: int | None = None, at: int | None = None, log: str | None = None) -> Told:
        """Say who it is, and prove that it grew."""
        if log is not None:
            return await self.past[log].get_log(since, at)
        self.asked.append((since, at))
        if self.is_away:
            raise CollectorSilent("nobody there")
        told: JsonObject = {"checkpoint": self.note().decode(), "vkey": self.key.public.vkey}
        if self.history:
            told["history"] = self.history
        told["witnesses"] = [one.public.vkey for one in self.witnesses]
        if self.times_s:
            told["first"] = self.cosigned(self.times_s[0], 1).decode()
            told["cosigned"] = self.cosigned(self.times_s[-1]).decode()
        if since is None or at is None:
            return Told(200, told)
        if not 0 < since <= at <= (len(self.leaves) if self.shows is None else self.shows):
            return Told(400, {"error": "bad_request"})
        hashes = [b64(one) for one in consistency(self.node, since, at)] if self.proof is None else self.proof
        return Told(200, {**told, "proof": [*hashes]})
