"""The peer's sockets."""

import asyncio
import random
import socket
import ssl
import struct
import sys
from pathlib import Path

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fakes.certificate import certificate
from strategies import key_of_scalar

from collector.clock import SystemClock
from collector.peer.app import PeerConfig, create_peer
from collector.peer.errors import CannotStart
from collector.peer.serve import bind_pair, bind_secure, serving, tls_context


def test_any_port_is_free_for_both() -> None:
    """Port 0 gives one number for TCP and UDP."""
    pair = bind_pair("127.0.0.1", 0)
    with pair.tcp, pair.udp:
        assert pair.tcp.getsockname() == pair.udp.getsockname() == ("127.0.0.1", pair.port)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_port_in_use(kind: socket.SocketKind) -> None:
    """A port taken for either TCP or UDP is refused by its number, and nothing stays open."""
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=f"port {port} on 127.0.0.1 is in use"):
            bind_pair("127.0.0.1", port)
    pair = bind_pair("127.0.0.1", port)
    pair.tcp.close()
    pair.udp.close()


@pytest.mark.parametrize("host", ["not an address", "192.0.2.1"])
def test_an_address_that_is_not_ours(host: str) -> None:
    """An address of another machine, or of none, is refused in words."""
    with pytest.raises(CannotStart, match=host):
        bind_pair(host, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these options")
def test_connections_inherit_the_bounds() -> None:
    """What was set on the listening socket holds on each connection."""
    pair = bind_pair("127.0.0.1", 0)
    with pair.tcp, pair.udp, socket.create_connection(pair.tcp.getsockname()):
        pair.tcp.settimeout(5)
        accepted, _ = pair.tcp.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == 1 << 17
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 15_000


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these options")
def test_connections_by_tls_inherit_them_too(tmp_path: Path) -> None:
    """The port for TLS has the same bounds as the plain one, and is refused by its number when it is taken."""
    context, _ = certificate(tmp_path)
    secure = bind_secure("127.0.0.1", 0, context)
    with secure.tcp:
        assert secure.tcp.getsockname() == ("127.0.0.1", secure.port)
        assert secure.tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == 1 << 17
        assert secure.tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 15_000
        with pytest.raises(CannotStart, match=f"port {secure.port} on 127.0.0.1 is in use"):
            bind_secure("127.0.0.1", secure.port, context)


def test_a_chain_with_its_key_in_one_file(tmp_path: Path) -> None:
    """Certificate and key may stand in one file."""
    certificate(tmp_path)
    both = tmp_path / "both.pem"
    both.write_bytes((tmp_path / "key.pem").read_bytes() + (tmp_path / "cert.pem").read_bytes())
    assert tls_context(both, None).minimum_version >= ssl.TLSVersion.TLSv1_2


def locked(folder: Path) -> None:
    """Put a password on the key."""
    key = serialization.load_pem_private_key((folder / "key.pem").read_bytes(), None)
    kinds = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(*kinds, serialization.BestAvailableEncryption(b"x")))


def of_another(folder: Path) -> None:
    """Put another key in place of the certificate's."""
    kinds = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(ec.generate_private_key(ec.SECP256R1()).private_bytes(*kinds))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda folder: (folder / "cert.pem").unlink(), r"cannot read .*cert\.pem: No such file"),
        (lambda folder: (folder / "key.pem").unlink(), r"cannot read .*key\.pem: No such file"),
        (lambda folder: (folder / "cert.pem").write_bytes(b""), "no certificate with its key"),
        (lambda folder: (folder / "cert.pem").write_bytes(b"\0\xff" * 100), "no certificate with its key"),
        (lambda folder: (folder / "key.pem").write_text("not a key"), "no certificate with its key"),
        (locked, "without a password"),
        (of_another, "no certificate with its key"),
    ],
)
def test_a_certificate_that_is_none(tmp_path: Path, damage: object, says: str) -> None:
    """A certificate or key that cannot be used is said by its name, and nobody is asked for a password."""
    certificate(tmp_path)
    assert callable(damage)
    damage(tmp_path)
    with pytest.raises(CannotStart, match=says):
        tls_context(tmp_path / "cert.pem", tmp_path / "key.pem")


async def test_one_peer_behind_both_ports(tmp_path: Path) -> None:
    """The same application answers plainly and by TLS and names both ports; STAMP stays on the plain port's number."""
    _, authority = certificate(tmp_path)
    pair = bind_pair("127.0.0.1", 0)
    secure = bind_secure("127.0.0.1", 0, tls_context(authority, tmp_path / "key.pem"))
    ports = {"port": pair.port, "tls_port": secure.port}
    config = PeerConfig(
        "north", key_of_scalar(5).public, SystemClock(), random.Random(1), lambda _: None, max_clients=1, ports=ports
    )
    trusting = ssl.create_default_context(cafile=authority)
    async with serving(create_peer(config), pair, config.clock, secure), aiohttp.ClientSession() as client:
        told = []
        for url in (f"http://127.0.0.1:{pair.port}", f"https://127.0.0.1:{secure.port}"):
            async with client.get(f"{url}/v1/peer", ssl=trusting) as answer:
                told.append(await answer.json())
        assert told[0] == told[1]
        assert told[0].items() >= ports.items()
        # a place taken by TLS is taken for everybody
        async with client.get(f"https://127.0.0.1:{secure.port}/object/1000000000", ssl=trusting) as taking:
            await taking.content.readexactly(1)
            async with client.get(f"http://127.0.0.1:{pair.port}/object/1") as answer:
                assert answer.status == 503
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.setblocking(False)
            udp.connect(("127.0.0.1", pair.port))
            udp.send(struct.pack("!I", 1) + bytes(40))
            async with asyncio.timeout(5):
                assert len(await asyncio.get_running_loop().sock_recv(udp, 100)) == 44
    assert [sock.fileno() for sock in (pair.tcp, pair.udp, secure.tcp)] == [-1, -1, -1]


async def test_what_is_not_tls_on_the_port_for_it(tmp_path: Path) -> None:
    """Plain HTTP, rubbish and a client that trusts nobody are dropped, and the next client is served."""
    _, authority = certificate(tmp_path)
    pair = bind_pair("127.0.0.1", 0)
    secure = bind_secure("127.0.0.1", 0, tls_context(authority, tmp_path / "key.pem"))
    config = PeerConfig("north", key_of_scalar(5).public, SystemClock(), random.Random(1), lambda _: None)
    async with serving(create_peer(config), pair, config.clock, secure), aiohttp.ClientSession() as client:
        for rubbish in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", bytes(100)):
            reader, writer = await asyncio.open_connection("127.0.0.1", secure.port)
            writer.write(rubbish)
            async with asyncio.timeout(5):
                assert b"HTTP" not in await reader.read()
            writer.close()
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await client.get(f"https://127.0.0.1:{secure.port}/v1/peer")
        async with client.get(
            f"https://127.0.0.1:{secure.port}/v1/peer", ssl=ssl.create_default_context(cafile=authority)
        ) as answer:
            assert answer.status == 200
