"""WebSocket frames (RFC 6455, section 5), cut from and put into a byte stream without keeping the load.

A measurement needs to know how much of a binary message has arrived, not what was in it; so load is handed on
piece by piece as it comes, as it stands on the wire, and never unmasked or joined. Texts and control frames
are small, and are given whole. Knows nothing of sockets, handshakes or time.

Whoever measures sends random bytes behind a fresh mask: the bytes on the wire are as unpredictable as section
5.3 wants them, whether or not they were combined with the mask once more.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

MESSAGE_LIMIT_BYTES: Final = 1 << 24  # the largest binary message of ndt7 and throughput1
TEXT_LIMIT_BYTES: Final = 1 << 16
NORMAL: Final = 1000
PROTOCOL_ERROR: Final = 1002
UNSUPPORTED: Final = 1003
NOT_UTF_8: Final = 1007
TOO_BIG: Final = 1009
_CONTROL_LIMIT_BYTES: Final = 125
_FIN, _RESERVED, _OPCODE, _MASK_BIT, _LENGTH = 0x80, 0x70, 0x0F, 0x80, 0x7F
_TWO_BYTES, _EIGHT_BYTES = 126, 127
_MOST_HEAD_BYTES = 14


class BadFrame(ValueError):
    """Bytes that are not frames, or frames that this side must not receive; `close_code` says which (section 7.4.1)."""

    def __init__(self, reason: str, close_code: int = PROTOCOL_ERROR) -> None:
        """Say what is wrong."""
        super().__init__(reason)
        self.close_code = close_code


class Opcode(IntEnum):
    """What a frame is."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


@dataclass(frozen=True, slots=True)
class Load:
    """A piece of a binary message, as it stands on the wire (masked, if frames are masked)."""

    piece: memoryview


@dataclass(frozen=True, slots=True)
class Told:
    """A whole text, ping, pong or close, unmasked."""

    opcode: Opcode
    payload: bytes

    @property
    def close_code(self) -> int | None:
        """The code of a closing frame, if it gives one."""
        return int.from_bytes(self.payload[:2], "big") if len(self.payload) >= 2 else None  # noqa: PLR2004


def mask(payload: bytes, key: bytes) -> bytes:
    """Combine with a mask of four bytes, or take the mask off again."""
    whole = int.from_bytes(payload, "big") ^ int.from_bytes((key * (len(payload) // 4 + 1))[: len(payload)], "big")
    return whole.to_bytes(len(payload), "big")


def frame_head(opcode: Opcode, n_bytes: int, key: bytes = b"") -> bytes:
    """The head of a whole message's only frame; with a mask of four bytes if `key` is given."""
    bit = _MASK_BIT if key else 0
    first = bytes([_FIN | opcode])
    if n_bytes < _TWO_BYTES:
        return first + bytes([bit | n_bytes]) + key
    if n_bytes < 1 << 16:
        return first + bytes([bit | _TWO_BYTES]) + n_bytes.to_bytes(2, "big") + key
    return first + bytes([bit | _EIGHT_BYTES]) + n_bytes.to_bytes(8, "big") + key


def frame(opcode: Opcode, payload: bytes, key: bytes = b"") -> bytes:
    """A whole message in one frame."""
    return frame_head(opcode, len(payload), key) + (mask(payload, key) if key else payload)


@dataclass(slots=True)
class FrameReader:
    """Cuts frames out of whatever pieces the network gives; `masked` says what this side must be sent."""

    masked: bool
    _head: bytearray = field(default_factory=bytearray)
    _kept: bytearray = field(default_factory=bytearray)  # the message or control frame that is given whole
    _control: bytearray = field(default_factory=bytearray)
    _in_frame: bool = False  # a head was read, and not yet all that it announced
    _left_bytes: int = 0  # of the payload of the frame being read
    _opcode: Opcode = Opcode.CONTINUATION  # of the frame being read
    _message: Opcode = Opcode.CONTINUATION  # text or binary: the message under way; continuation: none
    _message_bytes: int = 0
    _final: bool = True  # the frame being read is the last of its message
    _key: bytes = b""

    def feed(self, data: memoryview) -> Iterator[Load | Told]:
        """Take what arrived. Raises BadFrame; nothing can be read after that."""
        at = 0
        while at < len(data):
            if not self._in_frame:
                at += self._take_head(data[at:])
                if not self._in_frame:
                    return
            piece = data[at : at + self._left_bytes]
            at += len(piece)
            self._left_bytes -= len(piece)
            self._in_frame = self._left_bytes > 0
            if (event := self._take(piece)) is not None:
                yield event

    def _take(self, piece: memoryview) -> Load | Told | None:
        """Take a part of a frame's payload; its last part if the frame has ended."""
        if self._opcode >= Opcode.CLOSE:
            self._control += self._unmasked(piece)
            return None if self._in_frame else Told(self._opcode, self._emptied(self._control))
        message = self._message
        if self._final and not self._in_frame:
            self._message = Opcode.CONTINUATION
        if message is Opcode.BINARY:
            return Load(piece) if len(piece) else None
        self._kept += self._unmasked(piece)
        return self._text() if self._message is Opcode.CONTINUATION else None

    def _text(self) -> Told:
        text = self._emptied(self._kept)
        try:
            text.decode()
        except UnicodeDecodeError as error:
            raise BadFrame("a text is not UTF-8", NOT_UTF_8) from error
        return Told(Opcode.TEXT, text)

    @staticmethod
    def _emptied(kept: bytearray) -> bytes:
        whole = bytes(kept)
        kept.clear()
        return whole

    def _unmasked(self, piece: memoryview) -> bytes:
        if not self._key or not len(piece):
            return bytes(piece)
        turn = len(piece) % 4
        plain = mask(bytes(piece), self._key)
        self._key = self._key[turn:] + self._key[:turn]
        return plain

    def _take_head(self, data: memoryview) -> int:
        """Take bytes for the head; how many. The head is empty again when it was whole."""
        before = len(self._head)
        self._head += data[: _MOST_HEAD_BYTES - before]
        needed = self._head_bytes()
        if len(self._head) < needed:
            return len(self._head) - before
        head = bytes(self._head[:needed])
        self._head.clear()
        self._begin(head)
        return needed - before

    def _head_bytes(self) -> int:
        if len(self._head) < 2:  # noqa: PLR2004
            return 2
        length = {_TWO_BYTES: 2, _EIGHT_BYTES: 8}.get(self._head[1] & _LENGTH, 0)
        return 2 + length + (4 if self._head[1] & _MASK_BIT else 0)

    def _begin(self, head: bytes) -> None:
        """Start a frame. Raises BadFrame for one that must not come here or now."""
        if head[0] & _RESERVED:
            raise BadFrame("a reserved bit is set")
        try:
            opcode = Opcode(head[0] & _OPCODE)
        except ValueError as error:
            raise BadFrame(f"unknown opcode {head[0] & _OPCODE}") from error
        if bool(head[1] & _MASK_BIT) != self.masked:
            raise BadFrame("masked frames come from clients, and only from them")
        length = head[1] & _LENGTH
        body = head[2 : len(head) - 4] if self.masked else head[2:]
        n_bytes = int.from_bytes(body, "big") if length >= _TWO_BYTES else length
        final = bool(head[0] & _FIN)
        if opcode >= Opcode.CLOSE:
            if n_bytes > _CONTROL_LIMIT_BYTES or not final:
                raise BadFrame("a control frame is short and whole")
        else:
            self._continue(opcode, n_bytes)
            self._final = final
        self._opcode, self._left_bytes, self._in_frame = opcode, n_bytes, True
        self._key = head[-4:] if self.masked else b""

    def _continue(self, opcode: Opcode, n_bytes: int) -> None:
        """Begin a message or go on with one."""
        if (opcode is Opcode.CONTINUATION) == (self._message is Opcode.CONTINUATION):
            raise BadFrame("a message within a message, or a continuation of none")
        if opcode is not Opcode.CONTINUATION:
            self._message, self._message_bytes = opcode, 0
        self._message_bytes += n_bytes
        if self._message_bytes > (TEXT_LIMIT_BYTES if self._message is Opcode.TEXT else MESSAGE_LIMIT_BYTES):
            raise BadFrame("a message is too long", TOO_BIG)
