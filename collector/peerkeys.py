"""Which peers' counter-signatures are believed: the peer of this data folder, and those whose public keys lie beside it.

    keys/peer.pem            the private key of the peer that `up` starts; made if it is not there, only its public half is used
    keys/history/peer/*.pem  public keys that this peer had before: what they signed then stays believed (`keyhistory`)
    keys/peers/*.pem         public keys of further peers, one file each, put there by whoever runs the collector

Who is trusted is part of what the index is made of: a key added or taken away counts from the next start on, and then
for every record there is, old ones too.
"""

from pathlib import Path

from collector.keyhistory import history, server_key
from shared.errors import Malformed, NoKey
from shared.grade import Peers, trusting
from shared.keys import PublicKey
from shared.rotation import Whose


def trusted_peers(keys: Path) -> Peers:
    """The peers a collector with this folder of keys believes; raises NoKey naming the file that holds no public key."""
    own = history(keys, Whose.PEER, server_key(keys, Whose.PEER).public)
    return trusting([*own.keys, *(_read(path) for path in sorted((keys / "peers").glob("*.pem")))])


def _read(path: Path) -> PublicKey:
    try:
        return PublicKey.from_pem(path.read_bytes())
    except OSError as error:
        raise NoKey(f"cannot read the peer's key {path}: {error.strerror}") from error
    except Malformed as error:
        raise NoKey(f"the peer's key {path} is no public key: {error}") from error
