"""Another log in the place of the one that is written, in the folder of keys: as `keyhistory` has it for the other keys.

    keys/log.key                        the private key in use
    keys/log.next.key                   the key of a log that is to follow, as long as a rotation is going on
    keys/history/log/<old name>.json    the statement that it follows (`shared.nextlog`), which holds from the moment it is there
    keys/log.vkeys                      the public keys of all logs there have been, in their order

What remains (the new key in the old one's place, the statement as the new log's first leaf) is made up for at the next start.
"""

import functools
from pathlib import Path
from typing import Final

from collector.durable import sync_folder, write_whole
from collector.keyfiles import load_or_make
from collector.log.key import FILE, LogKey, log_key, past_logs
from shared import statement
from shared.dsse import read_envelope
from shared.errors import Malformed, NoKey
from shared.keys import Signer
from shared.lineage import Lineage
from shared.nextlog import NextLog
from shared.statement import Kind

NEXT: Final = "log.next.key"
FOLDER: Final = Path("history") / "log"


def log_in_use(keys: Path, origin: str | None = None) -> LogKey:
    """The key of the log, made first if there is none; one that was to follow is put in its place. Raises NoKey."""
    path, following = keys / FILE, keys / NEXT
    if path.exists():
        told = keys / FOLDER / f"{_read(path).public.name}.json"
        if told.exists():
            if not following.exists():
                raise NoKey(f"{told} says which log follows, and {following} is not there: put it back")
            try:
                payload = read_envelope(told.read_bytes().removesuffix(b"\n")).payload
                new = statement.text(statement.read_statement(payload, Kind.NEXT_LOG).predicate, "new")
                if new != _read(following).public.vkey:
                    raise Malformed(f"{following} is not the key that it names")
                following.replace(path)
                sync_folder(keys)
            except (OSError, Malformed) as error:
                raise NoKey(f"{told}: {error}") from error
    return log_key(keys, origin)


def next_logs(keys: Path, collector: Lineage) -> tuple[NextLog, ...]:
    """Each log that was followed by another, in their order; raises NoKey naming the file that does not hold."""
    order, found = [one.vkey for one in past_logs(keys)], list[NextLog]()
    for told in sorted((keys / FOLDER).glob("*.json")):
        try:
            one = NextLog.read(told.read_bytes().removesuffix(b"\n"), collector)
            if one.old.vkey not in order or told.stem != one.old.name:
                raise Malformed("of a log that was none here")
        except (OSError, Malformed) as error:
            raise NoKey(f"{told} does not hold: {error}") from error
        found.append(one)
    return tuple(sorted(found, key=lambda one: order.index(one.old.vkey)))


def begin_log(keys: Path, name: str | None, last: bytes, collector: Signer) -> None:
    """Let another log follow the one whose last checkpoint this is, from the moment this returns. Raises NoKey.

    `name`: its own; None: one that no host has. Asked again after it was cut off it goes on, with the name that it had.
    """
    old, folder = _read(keys / FILE), keys / FOLDER
    if name in {one.name for one in past_logs(keys)}:
        raise NoKey(f"{name!r} is the name of a log there has been here; one that follows has another")
    new = load_or_make(keys / NEXT, functools.partial(_made, name), _key)
    if name not in {None, new.public.name}:
        raise NoKey(f"a log named {new.public.name!r} was to follow; take {keys / NEXT} away to give it another name")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for one in (keys, folder.parent):
            sync_folder(one)
        write_whole(folder / f"{old.public.name}.json", NextLog.make(last, old, new, collector) + b"\n")
    except (OSError, Malformed) as error:
        raise NoKey(f"the log cannot be followed by another: {error}") from error


def _made(name: str | None) -> bytes:
    return f"{LogKey.generate(name).text}\n".encode()


def _read(file: Path) -> LogKey:
    return load_or_make(file, bytes, _key)


def _key(data: bytes) -> LogKey:
    return LogKey.read(data.decode())
