"""The shell of `probe.measure.foreign`: one probe is a connection, TLS if the peer has it, and one GET. Interprets nothing.

The name is looked up once for all probes. A connection is dropped as soon as the answer is there.
"""

import asyncio
from collections.abc import Sequence

from probe.clock import Clock
from probe.measure.foreign import PATH, PATIENCE_US
from probe.measure.loaded_latency import LoadedLatency
from probe.measure.outcome import Trouble
from probe.net.connect import Found, Origin, connect
from probe.net.exchange import NAMED_ERRORS, Answer, Request, Stream
from probe.net.failures import trouble_of
from shared.failure import Failure, Stage

OK_STATUS = 200
BODY_LIMIT_BYTES = 1 << 10
OLDER_TLS_TRIPS = 2  # TLS 1.3 needs one round trip


async def probe(core: LoadedLatency, number: int, origin: Origin, addresses: Sequence[Found], clock: Clock) -> None:
    """Run a probe that was begun, until it is answered, has failed, or its patience is over; leave no connection."""
    foreign = core.foreign
    try:
        async with asyncio.timeout(PATIENCE_US / 1_000_000):
            sock = await connect(addresses, lambda _stage: None, origin.interface)
            if origin.context is not None:
                core.entered_tls(number, clock.mono_us())
            host = None if origin.context is None else origin.host
            stream = Stream()
            try:
                transport, _ = await asyncio.get_running_loop().create_connection(
                    lambda: stream, sock=sock, ssl=origin.context, server_hostname=host
                )
                secured = transport.get_extra_info("ssl_object")
                foreign.connected(number, clock.mono_us(), _trips(secured and secured.version()))
                stream.send(Request("GET", f"{origin.prefix}/{PATH}").events(origin.authority))
                answer = await Answer.on(stream)
                await answer.body(BODY_LIMIT_BYTES)
            finally:
                await stream.end()
                await asyncio.sleep(0)  # asyncio closes the socket of a broken handshake one turn later
    except NAMED_ERRORS as exc:  # the end of patience is an OSError too
        foreign.failed(number, trouble_of(exc, foreign.stage(number)))
        return
    if answer.status == OK_STATUS:
        foreign.done(number, clock.mono_us())
    else:
        foreign.failed(number, Trouble(Failure.HTTP_UNEXPECTED_STATUS, Stage.REQUEST), answer.status)


def _trips(version: str | None) -> int:
    return 1 if version in {None, "TLSv1.3"} else OLDER_TLS_TRIPS
