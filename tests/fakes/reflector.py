"""A STAMP reflector for simulated links and the fake peer: held to the real one's contract, and no model for it."""

from dataclasses import dataclass, field

from shared.errors import Malformed
from shared.stamp import PACKET_BYTES, Reply, error_estimate, ntp_of, read_request

ERROR = error_estimate(1000)


@dataclass
class FakeReflector:
    """Numbers its answers in each session from 0; remembers every session for ever."""

    numbers: dict[object, int] = field(default_factory=dict)

    def reply(self, packet: bytes, address: object, received_us: int, sent_us: int) -> bytes | None:
        """Give the reply to a packet, as long as it; nothing for what is too short."""
        try:
            request = read_request(packet)
        except Malformed:
            return None
        session = (address, request.ssid)
        number = self.numbers.get(session, 0)
        self.numbers[session] = number + 1
        reply = Reply(
            number=number,
            sent_ntp=ntp_of(sent_us),
            error=ERROR,
            ssid=request.ssid,
            received_ntp=ntp_of(received_us),
            request_number=request.number,
            request_ntp=request.sent_ntp,
            request_error=request.error,
        )
        return reply.encode() + packet[PACKET_BYTES:]
