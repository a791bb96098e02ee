"""The opening handshake of a WebSocket (RFC 6455, section 4): the request, and what is wrong with an answer.

Pure. No redirect is followed and no extension is offered; what comes back is taken at its word or not at all.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from probe.measure.outcome import Trouble
from shared.failure import Failure, Stage

KEY_BYTES = 16
HEAD_LIMIT_BYTES = 16_384
HEAD_END = b"\r\n\r\n"
SWITCHED = 101
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass(frozen=True, slots=True)
class Upgrade:
    """One handshake: where to, with which key, for which subprotocol."""

    authority: str
    path: str
    query: Mapping[str, str]
    key: bytes
    subprotocol: str

    @property
    def nonce(self) -> str:
        """The key as it is sent."""
        return base64.b64encode(self.key).decode()

    def request(self) -> bytes:
        """The bytes of the request."""
        lines = (
            f"GET {self.path}?{urlencode(self.query)} HTTP/1.1",
            f"Host: {self.authority}",
            "User-Agent: speedproof",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {self.nonce}",
            f"Sec-WebSocket-Protocol: {self.subprotocol}",
        )
        return "\r\n".join((*lines, "", "")).encode("ascii")

    def trouble_with(self, head: bytes) -> tuple[Trouble | None, int | None]:
        """What is wrong with an answer's head (None: it switches as asked), and its status if it has one."""
        line, *fields = head.split(b"\r\n")
        version, _, rest = line.partition(b" ")
        code = rest[:3]
        if not version.startswith(b"HTTP/1.") or len(code) != 3 or not code.isdigit():  # noqa: PLR2004  (RFC 9112)
            return Trouble(Failure.HTTP_REQUEST_FAILED, Stage.REQUEST), None
        status = int(code)
        if status != SWITCHED:
            moved = 300 <= status < 400  # noqa: PLR2004  (the redirection class of RFC 9110)
            name = Failure.HTTP_UNEXPECTED_REDIRECT if moved else Failure.HTTP_UNEXPECTED_STATUS
            return Trouble(name, Stage.REQUEST), status
        told = {}
        for field in fields:
            name_of, _, value = field.partition(b":")
            told[name_of.strip().lower()] = value.strip()
        proof = base64.b64encode(hashlib.sha1(self.nonce.encode() + GUID, usedforsecurity=False).digest())
        agreed = told.get(b"sec-websocket-accept") == proof and told.get(b"upgrade", b"").lower() == b"websocket"
        spoken = told.get(b"sec-websocket-protocol", b"").decode("latin-1") == self.subprotocol
        if agreed and spoken and b"sec-websocket-extensions" not in told:
            return None, status
        return Trouble(Failure.HTTP_REQUEST_FAILED, Stage.REQUEST), None
