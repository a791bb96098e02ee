"""The log as anybody can fetch it: its files grow with the index, and a checkpoint is published once the files hold its tree.

Only the ledger's writer signs. What it signed is compared with the tree that was made here of what is on disk: if the two
differ, nothing more is published, since a log that says two things is worse than one that says nothing.

    log/at      how far the files surely are: {"no", "size"}, the ledger's entry and the leaves; what is behind is made again
"""

import contextlib
import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from collector import quickjson
from collector.durable import write_whole
from collector.errors import LedgerDamaged, LogForked
from collector.ledger.frame import Entry, EntryKind, Proven
from collector.ledger.port import LedgerPort
from collector.ledger.tail import Tail
from collector.log.aside import CHECKPOINT, PAST, past_files, set_aside
from collector.log.files import LogFiles
from collector.log.leaves import leaf_in
from shared import statement, tree
from shared.checkpoint import Checkpoint, read_checkpoint
from shared.errors import Malformed, SpeedproofError
from shared.keys import PublicKey
from shared.lineage import Lineage
from shared.nextlog import NextLog
from shared.note import read_note

AT: Final = "at"
SYNC_LEAVES: Final = 10_000  # so many at most have to be made again after a crash
_AT_ONCE: Final = 1024
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Published:
    """A checkpoint whose tree is in the files, and its signed note."""

    checkpoint: Checkpoint
    note: bytes


class Publisher:
    """The log of one ledger, in files. `take` is called by whoever follows the ledger; reading is safe from any thread."""

    def __init__(self, folder: Path, ledger: LedgerPort) -> None:
        """Open the files where they surely are; nothing is published before `take` or `catch_up`. Raises OSError."""
        self._folder, self._ledger = folder, ledger
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._closing = False
        self._next: bytes = b""  # the newest signed note, until the files hold its tree
        self._catching: threading.Thread | None = None
        self._past: dict[str, tuple[LogFiles, Checkpoint]] = {}
        self.published: Published | None = None
        self.wrong: str | None = None  # why nothing more is published
        self._files, self._no = self._opened()
        self._synced_size = self._files.size

    @property
    def files(self) -> LogFiles:
        """The files, to be read."""
        return self._files

    @property
    def no(self) -> int:
        """The ledger's entry up to which the files are made."""
        return self._no

    def take(self, entries: Sequence[Entry]) -> None:
        """Take in what was loaded into the index; what came before it and is missing here is fetched beside. Never raises."""
        with self._lock:
            if self._closing or self.wrong is not None:
                return
            with self._told():
                if entries and entries[0].no <= self._no + 1:
                    self._append(entries)
                elif self._no < self._ledger.last_no and (self._catching is None or not self._catching.is_alive()):
                    self._catching = threading.Thread(target=self.catch_up, name="log", daemon=True)
                    self._catching.start()
                self._publish()

    def catch_up(self) -> None:
        """Make all that is missing, now, in this thread."""
        with self._told():
            read: Tail | None = None
            while True:
                with self._lock:
                    if self._closing or self.wrong is not None:
                        return
                    last_no, at = self._ledger.last_no, self._no
                    if at >= last_no:
                        self._publish()
                        self._changed.notify_all()
                        return
                if read is None:  # not under the lock: it may be fetched from an archive, and the index must not wait
                    read = Tail(self._ledger.folder, at)
                entries = read.read(last_no, _AT_ONCE)
                with self._lock:
                    if not self._closing:
                        self._append(entries)

    def holds(self, index: int, timeout_s: float) -> Published | None:
        """A published checkpoint with this leaf in its tree; waits for one, None if none comes."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._has(index), timeout_s)
            return self.published if self._has(index) else None

    def comes_to(self, no: int, timeout_s: float) -> bool:
        """Wait until all leaves up to this entry are published, but no longer than that; whether they are."""
        self.take(())

        def is_there() -> bool:
            size = 0 if self.published is None else self.published.checkpoint.size
            return self._no >= no and size == self._files.size

        with self._changed:
            self._changed.wait_for(lambda: self._closing or self.wrong is not None or is_there(), timeout_s)
            return is_there()

    def proven(self, index: int, timeout_s: float = 0) -> Proven | None:
        """The proof that a leaf is in the tree of the newest checkpoint; None if it is not (yet)."""
        found = self.holds(index, timeout_s)
        if found is None:
            return None
        hashes = tree.inclusion(self._files.node, index, found.checkpoint.size)
        return Proven(index, b"".join(hashes), found.note)

    def consistent(self, old: int, new: int | None = None) -> tuple[Published, list[bytes]] | None:
        """The newest checkpoint, and the proof that the tree of `new` leaves (its own) begins with that of `old` leaves.

        None unless 0 < old <= new <= its size.
        """
        found = self.published
        size = 0 if found is None else found.checkpoint.size
        new = size if new is None else new
        if found is None or not 0 < old <= new <= size:
            return None
        return found, tree.consistency(self._files.node, old, new)

    def past(self, name: str) -> tuple[LogFiles, Checkpoint]:
        """The files and the last checkpoint of a log that this one has followed; raises KeyError if it is none."""
        with self._lock:
            if name not in self._past:
                if not (self._folder / PAST / name / CHECKPOINT).is_file():
                    raise KeyError(name)
                self._past[name] = past_files(self._folder, name)
            return self._past[name]

    def close(self) -> None:
        """Stop; what is in the files is made to last."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._catching is not None:
            self._catching.join()
        with self._told():
            if self.wrong is None:  # or the next start would not see it
                self._sync()
        for files in (self._files, *(files for files, _ in self._past.values())):
            files.close()

    def _has(self, index: int) -> bool:
        return self.published is not None and index < self.published.checkpoint.size

    def _opened(self) -> tuple[LogFiles, int]:
        """The files and the entry up to which they are made; from the beginning if they are not what `at` says.

        If they are of entries that the ledger has not got any more, the log has spoken of what is lost: it must not go on.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            told = quickjson.decode((self._folder / AT).read_bytes())
            no, size = statement.integer(told, "no"), statement.integer(told, "size")
            if no > self._ledger.last_no:  # the files stay as they are: they hold the leaves that are missing
                self.wrong = (
                    f"the log has spoken of ledger entry {no}, and the ledger ends with {self._ledger.last_no}: what is missing "
                    "may have been acknowledged. Put the whole ledger back; if it is lost, begin another log: move keys/log.key "
                    "and the folder log away"
                )
                log.critical("%s", self.wrong)
            return LogFiles(self._folder, size), no
        except FileNotFoundError:
            pass
        except (Malformed, LedgerDamaged) as error:
            log.warning("the log's files cannot be used (%s): they are made anew", error)
        return LogFiles(self._folder, 0), 0

    def _append(self, entries: Sequence[Entry]) -> None:
        leaves, size, no = list[bytes](), self._files.size, self._no
        for entry in entries:
            if entry.no <= self._no:
                continue
            if entry.kind is EntryKind.NEXT_LOG and entry.tree == 0:
                self._files.append(leaves)
                self._follow(entry)
                leaves, size = [], 0
            leaf = leaf_in(entry)
            no = entry.no
            if leaf is None:
                continue
            if entry.tree != size + len(leaves):
                raise LedgerDamaged(f"entry {entry.no} is leaf {entry.tree} where {size + len(leaves)} has to come")
            leaves.append(leaf)
        if leaves:
            self._files.append(leaves)
        self._no = no
        if self._files.size - self._synced_size >= SYNC_LEAVES:
            self._sync()

    def _follow(self, entry: Entry) -> None:
        """Go on with the log that this entry begins; the one before is set aside. Raises LogForked, OSError."""
        told = NextLog.read(entry.body[:-1], Lineage.alone(PublicKey.from_spki(entry.signer)))
        if (self._files.size, self._files.root()) != (told.checkpoint.size, told.checkpoint.root):
            raise LogForked(
                f"the log {told.old.name} ended otherwise than was said of it; run `speedproof-collector check`"
            )
        self._files.sync()
        self._files.close()
        (self._folder / AT).unlink(missing_ok=True)  # until this is done all is made again
        set_aside(self._folder, told)
        self._files, self._synced_size = LogFiles(self._folder, 0), 0
        self.published, self._next = None, b""

    def _publish(self) -> None:
        """Publish the newest checkpoint that the files hold."""
        while True:
            self._next = self._next or self._ledger.newest[1]
            if not self._next or (self.published is not None and self._next == self.published.note):
                self._next = b""
                return
            found = read_checkpoint(read_note(self._next).text)
            if found.size > self._files.size:
                return
            if self._files.root(found.size) != found.root:
                raise LogForked(
                    f"the log of {found.size} leaves that was signed is not the one that is in the ledger: "
                    "nothing more is published; run `speedproof-collector check`"
                )
            self.published, self._next = Published(found, self._next), b""
            self._changed.notify_all()

    def _sync(self) -> None:
        self._files.sync()
        write_whole(self._folder / AT, quickjson.encode({"no": self._no, "size": self._files.size}))
        self._synced_size = self._files.size

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Say what is wrong instead of raising it: neither the ledger nor the index rests on these files."""
        try:
            yield
        except (LogForked, LedgerDamaged, Malformed) as error:
            self.wrong = str(error)
            log.critical("%s", error)
        except (SpeedproofError, OSError) as error:
            log.warning("the log's files could not be brought up to date (%s); it is tried again", error)
