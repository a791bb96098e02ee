"""The opening handshake of a WebSocket (RFC 6455, section 4.2), the server's part: read, answered, and HTTP ended.

No extension is agreed, so the payload on the wire is the payload counted. aiohttp's own handshake is not used: it would
keep whatever comes next for a reader of its own.
"""

import base64
import hashlib
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from collector.peer.errors import BadRequest

VERSION: Final = "13"
_KEY_BYTES: Final = 16
_GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Switched(web.StreamResponse):
    """The answer 101; the connection then belongs to whoever takes it over."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing: whoever has the connection ends it."""


def switched(request: web.Request, subprotocol: str) -> Switched:
    """The answer that agrees to a request's handshake. Raises BadRequest for one that breaks a rule."""
    if subprotocol not in _tokens(request, "Sec-WebSocket-Protocol"):
        raise BadRequest(f"the subprotocol {subprotocol} must be offered")
    asked = {token.lower() for token in _tokens(request, "Connection")}
    key = request.headers.get("Sec-WebSocket-Key", "").strip()
    if (
        "upgrade" not in asked
        or request.headers.get("Upgrade", "").strip().lower() != "websocket"
        or request.headers.get("Sec-WebSocket-Version", "").strip() != VERSION
        or not _is_key(key)
    ):
        raise BadRequest(f"a handshake for WebSocket version {VERSION} is needed here")
    proof = hashlib.sha1((key + _GUID).encode("ascii"), usedforsecurity=False).digest()
    return Switched(
        status=101,
        headers={
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Accept": base64.b64encode(proof).decode("ascii"),
            "Sec-WebSocket-Protocol": subprotocol,
        },
    )


def end_http(request: web.Request) -> None:
    """Let no more requests come on this connection. Raises BadRequest if the client did not wait for the answer (4.1)."""
    early = _Early()
    request.protocol.close()  # once this request is served
    request.protocol.set_parser(early)  # type: ignore[arg-type]  # any reader will do
    if early.n_bytes:
        raise BadRequest("nothing may be sent before the handshake is answered")


@dataclass(slots=True)
class _Early:
    """What came right behind a request, and is not to be read as another one."""

    n_bytes: int = 0

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Count; nothing is left over."""
        self.n_bytes += len(data)
        return False, b""

    def feed_eof(self) -> None:
        """Nothing is missing."""


def _tokens(request: web.Request, name: str) -> list[str]:
    """The members of a list in the request's head, which may be spread over lines."""
    return [token.strip() for line in request.headers.getall(name, ()) for token in line.split(",")]


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == _KEY_BYTES
    except ValueError:
        return False
