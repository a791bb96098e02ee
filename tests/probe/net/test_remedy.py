"""Why a collector was not reached: words that say what to do, for every reason people meet."""

import asyncio
import socket
import ssl
from pathlib import Path

import pytest
from fakes.certificate import certificate

from probe.errors import CollectorSilent
from probe.net.collector import Collector
from probe.net.remedy import REMEDIES, remedy, remedy_of

NOW_US = 1_800_000_000_000_000


def verification(code: int) -> ssl.SSLCertVerificationError:
    """A certificate that was not believed, for this reason."""
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = code
    return error


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (ConnectionRefusedError(111, "refused"), "nothing listens there"),
        (OSError(101, "unreachable"), "no network"),
        (TimeoutError(), "nothing came back"),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), "typing mistake"),
        (socket.gaierror(socket.EAI_AGAIN, "later"), "cannot be looked up"),
        (verification(62), "for another name"),
        (verification(19), "--ca FILE"),
        (verification(9), "not good yet by this device's clock, which says 15 January 2027"),
        (verification(10), "not good any more"),
        (ssl.SSLError(1, "wrong version number"), "http:// or https://"),
        (EOFError("ended"), "no collector"),
        (RuntimeError("?"), ""),
    ],
)
def test_what_to_do(cause: Exception, words: str) -> None:
    """Each reason has its advice; what nobody knows has none."""
    assert words in remedy_of(cause, NOW_US)
    assert bool(words) == bool(remedy_of(cause, NOW_US))


def test_an_error_without_a_reason() -> None:
    """Where nothing lies behind an error nothing is guessed."""
    assert remedy(CollectorSilent("it does not answer"), NOW_US) == ""


def test_every_advice_is_for_people() -> None:
    """No advice names an exception or a number of the system's."""
    assert not any(word in words for words in REMEDIES.values() for word in ("Error", "errno", "EAI_"))


async def test_a_certificate_nobody_knows(tmp_path: Path) -> None:
    """The reason behind a collector's silence is found where the probe's own client raised it."""
    context, _ = certificate(tmp_path)
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(CollectorSilent) as caught:
            await Collector(f"https://127.0.0.1:{port}").enrol("7K3M9QX2TA", b"{}")
        await asyncio.sleep(0.05)  # for the other side to have heard the end
    assert "--ca FILE" in remedy(caught.value, NOW_US)
