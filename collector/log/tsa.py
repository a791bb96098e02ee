"""Asking an authority for a time-stamp (RFC 3161, its transport over HTTP: section 3.4), and believing nothing of the answer.

What is sent is a SHA-256 and a nonce, so the authority learns nothing of what is stamped. Its answer counts only if it is for
that digest and that nonce and signed below a certificate from the settings; the nonce also says that it was made just now.
"""

import http.client
import secrets
import urllib.request
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from collector.errors import BadRequest
from collector.log.asking import answer
from shared.errors import Malformed, NoTool
from shared.timestamp import NONCE_BYTES, Stamp, WrongToken, check_token, query, read_roots

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_OK = 200


class NoStamp(Exception):
    """An authority that gave no time-stamp, and why."""


@dataclass(frozen=True, slots=True)
class Authority:
    """Where one is asked, and the certificates by which it is believed."""

    url: str
    roots: "tuple[Certificate, ...]"
    pem: bytes = b""  # the same, as they stand in the file


def authority_of(url: str | None, roots: Path | None) -> Authority | None:
    """The authority of the settings, None without one; raises BadRequest naming what is wrong with them."""
    if url is None or roots is None:
        return None
    try:
        pem = roots.read_bytes()
        return Authority(url, read_roots(pem), pem)
    except OSError as error:
        raise BadRequest(f"tsa_roots: {roots} cannot be read: {error.strerror}") from error
    except Malformed as error:
        raise BadRequest(f"tsa_roots: {roots}: {error}") from error
    except NoTool as error:
        raise BadRequest(f"tsa: {error}") from error


def ask(authority: Authority, data: bytes, nonce: bytes) -> tuple[bytes, Stamp]:
    """A token over some bytes, as the authority gave it, and what it proves; raises NoStamp."""
    return ask_for(authority, sha256(data).digest(), nonce)


def ask_for(authority: Authority, digest: bytes, nonce: bytes) -> tuple[bytes, Stamp]:
    """The same over what has this SHA-256."""
    request = urllib.request.Request(authority.url, query(digest, nonce), method="POST")  # noqa: S310 - from the settings
    request.add_header("Content-Type", "application/timestamp-query")
    try:
        status, told = answer(request)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NoStamp(f"it does not answer: {error}") from error
    if status != _OK:
        raise NoStamp(f"it refuses ({status}): {told[:200].decode('utf-8', 'replace').strip()}")
    try:
        return told, check_token(told, digest, authority.roots, nonce)
    except WrongToken as error:
        raise NoStamp(f"what it answers is not what was asked for: {error}") from error


def new_nonce() -> bytes:
    """A nonce nobody can guess, in the form that `query` wants."""
    first, *rest = secrets.token_bytes(NONCE_BYTES)
    return bytes([first | 0x80, *rest])
