"""Round trips by ICMP echo (RFC 792) and ICMPv6 echo (RFC 4443), where no reflector answers.

Pure: messages and times in, messages and samples out. The identifier is left out of the comparison, because
the kernel replaces it on a datagram socket; an answer is ours if its sequence number and all its data are. An
IPv4 header before the message, which some systems leave there, is skipped.
"""

import struct
from dataclasses import dataclass, field

from probe.measure.outcome import Progress, Trouble
from probe.measure.train import Pace, Seen, Train

CHANCE_BYTES = 34
MESSAGE_BYTES = 44  # as much as a STAMP packet, so that the ways compare
_SEED_BYTES = 16
_HEADER = struct.Struct("!BBHHH")
_COMPARED_FROM = 6  # sequence number and data
_REQUEST_V4, _REPLY_V4 = 8, 0
_REQUEST_V6, _REPLY_V6 = 128, 129


def checksum(message: bytes) -> int:
    """Compute the Internet checksum (RFC 1071) of a message of even length."""
    total: int = sum(struct.unpack(f"!{len(message) // 2}H", message))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def without_ip_header(packet: bytes) -> bytes:
    """Skip an IPv4 header; no ICMP type that is used begins with its version number."""
    return packet[(packet[0] & 0x0F) * 4 :] if packet and packet[0] >> 4 == 4 else packet  # noqa: PLR2004  (IPv4)


@dataclass(slots=True)
class Echo:
    """One train of echo requests; the checksum is that of ICMP, and ICMPv6's is the kernel's business."""

    name: str
    pace: Pace
    chance: bytes
    packets: int
    ipv6: bool = False
    expected_us: int = 0
    _train: Train = field(init=False)

    def __post_init__(self) -> None:
        self._train = Train(self.name, self.pace, self.chance[:_SEED_BYTES], self.packets, self.expected_us)

    def request(self, number: int) -> bytes:
        """Write the message with this number."""
        data = (number.to_bytes(4, "big") + self.chance[_SEED_BYTES + 2 :]).ljust(MESSAGE_BYTES - _HEADER.size, b"\0")
        identifier = int.from_bytes(self.chance[_SEED_BYTES : _SEED_BYTES + 2], "big")
        kind = _REQUEST_V6 if self.ipv6 else _REQUEST_V4
        bare = _HEADER.pack(kind, 0, 0, identifier, number & 0xFFFF) + data
        return _HEADER.pack(kind, 0, checksum(bare), identifier, number & 0xFFFF) + data

    def start(self, now_us: int) -> None:
        """Make the first message due."""
        self._train.start(now_us)

    def to_send(self, now_us: int) -> tuple[bytes, ...]:
        """Give the message that is due, if one is."""
        return tuple(map(self.request, self._train.to_send(now_us)))

    def receive(self, packet: bytes, now_us: int, age_us: int | None = None) -> None:
        """Take what came, `age_us` ago by the kernel's stamp; what is no answer to a message of ours changes nothing."""
        message = packet if self.ipv6 else without_ip_header(packet)
        if len(message) != MESSAGE_BYTES or message[:2] != bytes((_REPLY_V6 if self.ipv6 else _REPLY_V4, 0)):
            return
        number = int.from_bytes(message[_HEADER.size : _HEADER.size + 4], "big")
        if number < self.packets and message[_COMPARED_FROM:] == self.request(number)[_COMPARED_FROM:]:
            self._train.receive(number, now_us, age_us)

    def refuse(self, packet: bytes, trouble: Trouble, now_us: int) -> None:
        """Take the news that a message of ours will have no answer, and why."""
        number = int.from_bytes(packet[_HEADER.size : _HEADER.size + 4], "big")
        self._train.refuse(number, trouble, now_us)

    def next_wakeup(self, now_us: int) -> int | None:
        """Say when a message is due or the last patience ends; None exactly when the result is final."""
        return self._train.next_wakeup(now_us)

    def progress(self, now_us: int) -> Progress:
        """Say how far the train is."""
        return self._train.progress(now_us)

    def result(self) -> Seen:
        """Give the round trips."""
        return self._train.result("icmp")
