"""`python -m collector.peer`: the measurement peer as a program.

Prints one line of JSON on stdout when it is ready, and then one line on stderr for each transfer that ended.
Ends with code 0 on SIGTERM or SIGINT, and with code 2 and a sentence when it cannot start.
"""

import argparse
import asyncio
import json
import logging
import os
import random
import signal
import stat
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from collector.clock import SystemClock
from collector.keyfiles import load_or_create
from collector.keyhistory import history
from collector.peer.account import Transfer, log_line
from collector.peer.app import PeerConfig, create_peer
from collector.peer.errors import CannotStart
from collector.peer.logs import JsonLine
from collector.peer.serve import Pair, Secure, bind_pair, bind_secure, serving, tls_context
from collector.peer.statements import StatementFile
from collector.peer.tickets import CounterSigning
from shared.errors import Malformed, NoKey
from shared.keys import FileKey, PublicKey
from shared.lineage import Lineage
from shared.rotation import Whose

_CANNOT_START = 2
_MAX_PORT = 65_535
_TLS_PORT = 8442


def _at_most(most: int, least: int, text: str) -> int:
    value = int(text)
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"must be from {least} to {most}")
    return value


def _port(text: str) -> int:
    return _at_most(_MAX_PORT, 0, text)


def _clients(text: str) -> int:
    return _at_most(100_000, 1, text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m collector.peer", description="The measurement peer.")
    parser.add_argument("--host", default="127.0.0.1", help="address to serve on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=8441, help="TCP and UDP; 0: any free one (default: %(default)s)")
    parser.add_argument(
        "--tls-cert", type=Path, metavar="PEM", help="certificate chain; serves TLS on a port of its own"
    )
    parser.add_argument("--tls-key", type=Path, metavar="PEM", help="its private key (default: in the same file)")
    parser.add_argument("--tls-port", type=_port, metavar="PORT", help=f"0: any free one (default: {_TLS_PORT})")
    parser.add_argument("--key", type=Path, required=True, metavar="PEM", help="private key, made if absent")
    parser.add_argument("--name", default="peer", help="what the peer calls itself (default: %(default)s)")
    parser.add_argument(
        "--max-clients",
        type=_clients,
        default=80,
        help="transfers at once, a quarter of them kept for those with a ticket (default: %(default)s)",
    )
    parser.add_argument(
        "--admit",
        type=Path,
        action="append",
        default=[],
        metavar="PEM",
        help="public key of a portal whose probes get tickets and signed statements; may be repeated (default: nobody)",
    )
    parser.add_argument(
        "--transfers",
        type=Path,
        metavar="FILE",
        help="the signed statements, appended (default: transfers.ndjson beside the key)",
    )
    parser.add_argument(
        "--collector",
        metavar="URL",
        help="hand every signed statement over to the collector at this address too (default: to none)",
    )
    parser.add_argument("--no-anonymous", action="store_true", help="no load, and nothing large, without a ticket")
    parser.add_argument("--no-faults", action="store_true", help="do not serve deliberate faults")
    parser.add_argument("--stop-with-stdin", action="store_true", help="end when the pipe on stdin closes")
    return parser


def _journal(transfer: Transfer) -> None:
    # A log that nobody can take any more must not end a transfer.
    with suppress(OSError):
        sys.stderr.write(log_line(transfer))
        sys.stderr.flush()


async def _serve(args: argparse.Namespace) -> None:
    if args.stop_with_stdin and not _is_pipe(sys.stdin.fileno()):
        raise CannotStart("--stop-with-stdin needs a pipe on standard input")
    signer = load_or_create(args.key)
    key = signer.public
    portals = tuple(_portal(path) for path in args.admit)
    secure = _secure(args)
    pair = bind_pair(args.host, args.port)
    config = PeerConfig(
        name=args.name,
        key=key,
        clock=SystemClock(),
        chance=random.SystemRandom(),
        journal=_journal,
        max_clients=args.max_clients,
        faults=not args.no_faults,
        anonymous=not args.no_anonymous,
        counter_signing=_counter_signing(args, signer, portals),
        history=_line_of(args.key, key).told,
        ports=_ports(pair, secure),
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if args.stop_with_stdin:
        loop.add_reader(sys.stdin.fileno(), _stop_at_end, sys.stdin.fileno(), stop)
    async with serving(create_peer(config), pair, config.clock, secure):
        ready = {
            "ready": True,
            "host": args.host,
            **config.ports,
            "name": args.name,
            "key_id": key.key_id,
        }
        sys.stdout.write(json.dumps(ready, separators=(",", ":")) + "\n")
        sys.stdout.flush()
        await stop.wait()


def _secure(args: argparse.Namespace) -> Secure | None:
    if args.tls_cert is None:
        if args.tls_key is not None or args.tls_port is not None:
            raise CannotStart("--tls-key and --tls-port need --tls-cert")
        return None
    context = tls_context(args.tls_cert, args.tls_key)
    return bind_secure(args.host, _TLS_PORT if args.tls_port is None else args.tls_port, context)


def _ports(pair: Pair, secure: Secure | None) -> dict[str, int]:
    return {"port": pair.port} if secure is None else {"port": pair.port, "tls_port": secure.port}


def _line_of(file: Path, key: PublicKey) -> Lineage:
    """The keys before this one, if it is that of a collector's folder, where they are kept beside it; raises NoKey."""
    return history(file.parent, Whose.PEER, key) if file.name == f"{Whose.PEER}.pem" else Lineage.alone(key)


def _portal(path: Path) -> PublicKey:
    try:
        return PublicKey.from_pem(path.read_bytes())
    except OSError as error:
        raise CannotStart(f"cannot read the portal's key {path}: {error.strerror}") from error
    except Malformed as error:
        raise CannotStart(f"{path} holds no public key: {error}") from error


def _counter_signing(
    args: argparse.Namespace, signer: FileKey, portals: tuple[PublicKey, ...]
) -> CounterSigning | None:
    if args.collector is not None:
        if not portals:
            raise CannotStart("--collector needs --admit: without it nothing is signed")
        told = urlsplit(args.collector)
        if told.scheme not in ("http", "https") or not told.hostname or told.query or told.fragment:
            raise CannotStart(f"--collector is an address such as https://proof.example.net, not {args.collector!r}")
    return CounterSigning(signer, portals, _statements(args), collector=args.collector) if portals else None


def _statements(args: argparse.Namespace) -> StatementFile:
    return StatementFile(args.transfers or args.key.with_name("transfers.ndjson"))


def _is_pipe(descriptor: int) -> bool:
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _stop_at_end(descriptor: int, stop: asyncio.Event) -> None:
    """Stop when the other end of the pipe is closed; what comes through it is not looked at."""
    try:
        ended = not os.read(descriptor, 4096)
    except OSError:
        ended = True
    if ended:
        asyncio.get_running_loop().remove_reader(descriptor)
        stop.set()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the peer until it is told to stop; returns the exit code."""
    args = _parser().parse_args(arguments)
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLine())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    try:
        asyncio.run(_serve(args))
    except (CannotStart, NoKey) as error:
        sys.stderr.write(f"peer: {error}\n")
        return _CANNOT_START
    return 0


if __name__ == "__main__":
    sys.exit(main())
