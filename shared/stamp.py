"""STAMP test packets, unauthenticated mode (RFC 8762, with the SSID of RFC 8972): layout, time stamps, error estimate.

Bytes and integers only: opens nothing, keeps no session, numbers nothing. What follows the 44 bytes of the base packet
(padding, or TLVs of RFC 8972, none of which is understood here) goes back as it came: the sender has set the U flag of its
TLVs, so one that comes back unchanged says "not understood". Authenticated mode is not there.
"""

import struct
from dataclasses import dataclass
from typing import Final

from shared.errors import Malformed

PACKET_BYTES: Final = 44
MAX_NUMBER: Final = 0xFFFF_FFFF
NOT_KNOWN_TTL: Final = 0

# number, T1, error estimate, SSID, zeros
_REQUEST: Final = struct.Struct("!IQHH28x")
# number, T3, error estimate, SSID, T2, sender's number, T1, sender's error estimate, zeros, sender's TTL, zeros
_REPLY: Final = struct.Struct("!IQHHQIQHxxB3x")

_US_PER_S: Final = 1_000_000
_HALF_US: Final = _US_PER_S // 2
_HALF: Final = 1 << 31  # half a second of a 32-bit fraction, and half of what rounding a product of one needs
_NTP_BEFORE_UNIX: Final = 2_208_988_800 << 32  # 1900 to 1970, RFC 5905
_ERA: Final = (1 << 64) - 1
_MAX_MULTIPLIER: Final = 0xFF
_MAX_SCALE: Final = 0x3F
_SYNCHRONISED: Final = 1 << 15
_PTP: Final = 1 << 14


def ntp_of(wall_us: int) -> int:
    """Unix time as the 64-bit NTP time stamp nearest to it; the era is dropped, as on the wire."""
    return ((wall_us << 32) + _HALF_US) // _US_PER_S + _NTP_BEFORE_UNIX & _ERA


def us_of(ntp: int) -> int:
    """The microsecond of Unix time nearest to an NTP time stamp, between 1970 and 2106."""
    return ((ntp - _NTP_BEFORE_UNIX & _ERA) * _US_PER_S + _HALF) >> 32


def error_estimate(error_us: int, *, synchronised: bool = False) -> int:
    """The error estimate that says at least this error, to within one part in 128; S only for a clock set to UTC."""
    multiplier, scale = max(1, -(-(max(0, error_us) << 32) // _US_PER_S)), 0
    while multiplier > _MAX_MULTIPLIER:
        multiplier, scale = -(-multiplier // 2), scale + 1
    if scale > _MAX_SCALE:
        raise ValueError("an error of more than 17,000 years cannot be written")
    return (_SYNCHRONISED if synchronised else 0) | scale << 8 | multiplier


def error_us(estimate: int) -> int:
    """The error that an error estimate says, in µs, rounded up."""
    multiplier, scale = estimate & _MAX_MULTIPLIER, estimate >> 8 & _MAX_SCALE
    return -(-(multiplier * _US_PER_S << scale) >> 32)


@dataclass(frozen=True, slots=True)
class Request:
    """A Session-Sender's test packet."""

    number: int
    sent_ntp: int  # T1
    error: int
    ssid: int

    def encode(self) -> bytes:
        """The packet's 44 bytes."""
        return _REQUEST.pack(self.number, self.sent_ntp, self.error, self.ssid)


@dataclass(frozen=True, slots=True)
class Reply:
    """A Session-Reflector's test packet."""

    number: int
    sent_ntp: int  # T3
    error: int
    ssid: int
    received_ntp: int  # T2
    request_number: int
    request_ntp: int  # T1, as the request said it
    request_error: int
    ttl: int = NOT_KNOWN_TTL

    def encode(self) -> bytes:
        """The packet's 44 bytes."""
        return _REPLY.pack(
            self.number,
            self.sent_ntp,
            self.error,
            self.ssid,
            self.received_ntp,
            self.request_number,
            self.request_ntp,
            self.request_error,
            self.ttl,
        )

    @property
    def in_ntp_time(self) -> bool:
        """Whether T2 and T3 are NTP time stamps; PTP ones (the Z flag) are not read here."""
        return not self.error & _PTP


def read_request(packet: bytes | bytearray) -> Request:
    """Read a request; what follows its 44 bytes is not looked at. Raises Malformed for a packet that is too short."""
    if len(packet) < PACKET_BYTES:
        raise Malformed("shorter than a STAMP test packet")
    return Request(*_REQUEST.unpack_from(packet))


def read_reply(packet: bytes | bytearray) -> Reply:
    """Read a reply; what follows its 44 bytes is not looked at. Raises Malformed for a packet that is too short."""
    if len(packet) < PACKET_BYTES:
        raise Malformed("shorter than a STAMP test packet")
    return Reply(*_REPLY.unpack_from(packet))


def ssid_of(packet: bytes | bytearray) -> int:
    """The SSID of a packet that is long enough, request or reply."""
    return packet[14] << 8 | packet[15]


def turn_round(packet: bytearray, number: int, received_us: int, sent_us: int, error: int) -> None:
    """Make a reply of a request, in place; the time to live it came with is not known here."""
    request_number, request_ntp, request_error, ssid = _REQUEST.unpack_from(packet)
    _REPLY.pack_into(
        packet,
        0,
        number & MAX_NUMBER,
        ntp_of(sent_us),
        error,
        ssid,
        ntp_of(received_us),
        request_number,
        request_ntp,
        request_error,
        NOT_KNOWN_TTL,
    )
