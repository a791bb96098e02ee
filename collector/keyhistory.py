"""The server's keys over time: collector, portal and peer, each as a line of keys (`shared.lineage`) in the folder of keys.

    keys/collector.pem                       the private key in use
    keys/collector.next.pem                  one that is to follow it, as long as a rotation is going on
    keys/history/collector/<old id>.pem      the public half of a key that was in use before
    keys/history/collector/<old id>.json     its rotate/v1: what follows it

A rotation holds from the moment its statement is there, whole (`begin`). What remains (the new private key in the old one's
place, the statement in the ledger) is made up for whenever the folder is opened next: so after a crash at any step the folder
opens, with the one key or the other, and can be asked again. The old private key is gone once the new one has its place.
"""

from pathlib import Path
from typing import Final

from collector.durable import sync_folder, write_whole
from collector.keyfiles import load_or_create
from shared.errors import Malformed, NoKey
from shared.keys import FileKey, PublicKey
from shared.lineage import Lineage, lineage_of
from shared.rotation import Whose, make_rotation, read_rotation

FOLDER: Final = "history"
SERVERS: Final = (Whose.COLLECTOR, Whose.PORTAL, Whose.PEER)


def server_key(keys: Path, whose: Whose) -> FileKey:
    """The key in use, made first if there is none; a rotation that was cut off is finished. Raises NoKey."""
    path, following = keys / f"{whose}.pem", keys / f"{whose}.next.pem"
    key = load_or_create(path)
    told = keys / FOLDER / whose / f"{key.public.key_id}.json"
    if not told.exists():
        return key
    if not following.exists():
        raise NoKey(f"{told} says which key follows that in {path}, and {following} is not there: put it back")
    new = load_or_create(following)
    try:
        if read_rotation(_line(told), whose, key.public).new != new.public:
            raise Malformed(f"{following} is not the key that it names")
    except Malformed as error:
        raise NoKey(f"{told}: {error}") from error
    try:
        following.replace(path)
        sync_folder(keys)
    except OSError as error:
        raise NoKey(f"cannot put {following} in the place of {path}: {error.strerror}") from error
    return new


def history(keys: Path, whose: Whose, newest: PublicKey) -> Lineage:
    """The keys up to the one in use; raises NoKey naming the folder whose files do not lead there."""
    folder, past = keys / FOLDER / whose, list[tuple[PublicKey, bytes]]()
    try:
        for told in sorted(folder.glob("*.json")):
            key = PublicKey.from_pem(told.with_suffix(".pem").read_bytes())
            if key.key_id != told.stem:
                raise Malformed(f"{told.stem}.pem is another key than its name says")
            past.append((key, _line(told)))
        return lineage_of(newest, past, whose)
    except (OSError, Malformed) as error:
        raise NoKey(f"the history of the {whose}'s keys in {folder} does not hold: {error}") from error


def begin(keys: Path, whose: Whose) -> None:
    """Let a new key follow the one in use, from the moment this returns; raises NoKey. Asked again it goes on."""
    key, folder = load_or_create(keys / f"{whose}.pem"), keys / FOLDER / whose
    new = load_or_create(keys / f"{whose}.next.pem")  # on disk before anybody hears of it
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        sync_folder(keys)
        sync_folder(keys / FOLDER)
        write_whole(folder / f"{key.public.key_id}.pem", key.public.to_pem())
        write_whole(folder / f"{key.public.key_id}.json", make_rotation(whose, key, new) + b"\n")
    except OSError as error:
        raise NoKey(f"cannot write the history of keys in {folder}: {error.strerror}") from error


def _line(file: Path) -> bytes:
    return file.read_bytes().removesuffix(b"\n")
