"""The main job on one machine, step by step: from nothing to a verdict and the page that says why.

Everything goes through the two command lines, as a user would. A second start over the same folder goes on where the
first one stopped. `--once` ends after the verdict, with exit code 0 only if every step worked.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import zoneinfo
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
COMPLAINT = "Nothing loads in the evening. I have called three times."


class StepFailed(Exception):
    """A step did not work; its own message has been printed."""


def main() -> int:
    """Do the job."""
    options = _options()
    data: Path = options.data.resolve()
    os.environ["SPEEDPROOF_DATA"] = str(data / "collector")
    os.environ["SPEEDPROOF_STATE"] = str(data / "probe")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _collector(options) as ready:
            page = _first_evidence(options, ready)
            if not options.once:
                _stay(options, page)
    except StepFailed as error:
        print(f"this step did not work: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted before the verdict", file=sys.stderr)
        return 130
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/run", description=__doc__.splitlines()[0])
    parser.add_argument("--once", action="store_true", help="end after the verdict")
    parser.add_argument(
        "--data",
        type=Path,
        default=ROOT / "speedproof-data",
        help="where everything is kept (default ./speedproof-data)",
    )
    parser.add_argument(
        "--port",
        type=int,
        default=8440,
        help="the collector's port on 127.0.0.1; the peer takes the next one (default 8440)",
    )
    parser.add_argument("--subscriber", default="line-1", help="the subscriber's id (default line-1)")
    parser.add_argument("--time-zone", default=_zone(), help=f"the line's zone (default: this machine's, {_zone()})")
    parser.add_argument("--criterion", default="cz-mobile-cert", help="the rule to judge by (default cz-mobile-cert)")
    parser.add_argument(
        "--down",
        action="append",
        metavar="NAME=SPEED",
        help="promised download speeds (default advertised=40M normal=24M min=10M)",
    )
    parser.add_argument(
        "--up",
        action="append",
        metavar="NAME=SPEED",
        help="promised upload speeds (default advertised=10M normal=6M min=2M)",
    )
    parser.add_argument(
        "--complaint", help=f"a complaint in the customer's own words (at the first start: “{COMPLAINT}”)"
    )
    options = parser.parse_args()
    options.down = options.down or ["advertised=40M", "normal=24M", "min=10M"]
    options.up = options.up or ["advertised=10M", "normal=6M", "min=2M"]
    return options


def _zone() -> str:
    """This machine's IANA zone, UTC if it has none that is known."""
    link = Path("/etc/localtime")
    named = os.environ.get("TZ") or (str(link.resolve()).partition("zoneinfo/")[2] if link.is_symlink() else "")
    with contextlib.suppress(zoneinfo.ZoneInfoNotFoundError, ValueError):
        return zoneinfo.ZoneInfo(named).key or "UTC"
    return "UTC"


def _say(number: int, text: str) -> None:
    print(f"\n[{number}/6] {text}", flush=True)


@contextlib.contextmanager
def _collector(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The running collector, and what it said when it was ready; stopped at the end."""
    _say(1, "starting collector, peer and web page on this machine")
    command = [
        BIN / "speedproof-collector",
        "up",
        "--json",
        "--port",
        str(options.port),
        "--peer-port",
        str(options.port + 1),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            if process.stdout is None:
                raise StepFailed("starting the collector")
            line = process.stdout.readline()
            if not line:
                raise StepFailed("starting the collector")
            ready: dict[str, Any] = json.loads(line)
            print(f"      {ready['url']}, data in {options.data}")
            yield ready
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
            if process.poll() is None:
                process.kill()


def _first_evidence(options: argparse.Namespace, ready: dict[str, Any]) -> str:
    """Steps 2 to 6; the address of the subscriber's page."""
    _say(2, "the subscriber and his contract")
    speeds = [word for way in ("down", "up") for one in getattr(options, way) for word in (f"--{way}", one)]
    _collector_command("subscriber", "add", options.subscriber, "--time-zone", options.time_zone,
                       "--criterion", options.criterion, "--area-class", "urban", *speeds)  # fmt: skip

    if (options.data / "probe" / "enrolled.json").exists():
        _say(3, "this machine's probe is enrolled already")
    else:
        _say(3, "a one-time code, and the probe of this machine enrolled with it")
        code = json.loads(_collector_command("code", options.subscriber, "--json", quiet=True))["code"]
        print(f"      code {code}")
        _probe_command("enrol", ready["url"], code)

    _say(4, "first measurements, signed and sent")
    _probe_command("once")
    _complain(options)
    _say(6, "the verdict")
    _collector_command("judge", options.subscriber)
    page = f"{ready['url']}/subscriber/{options.subscriber}?key={ready['desk_url'].partition('key=')[2]}"
    print(f"\nthe page of this line: {page}", flush=True)
    return page


def _complain(options: argparse.Namespace) -> None:
    """File the complaint, if it is a new one."""
    filed = json.loads(_collector_command("case", "show", options.subscriber, "--json", quiet=True))["complaints"]
    words = options.complaint or ("" if filed else COMPLAINT)
    if not words:
        _say(5, f"the complaint is on file already: “{filed[-1]['text']}”")
        return
    _say(5, f"a complaint in the customer's own words: “{words}”")
    _probe_command("complain", words)


def _collector_command(*words: str, quiet: bool = False) -> str:
    return _run([str(BIN / "speedproof-collector"), *words], quiet=quiet)


def _probe_command(*words: str) -> str:
    return _run([str(BIN / "speedproof-probe"), *words], quiet=False)


def _run(command: Sequence[str], *, quiet: bool) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE if quiet else None, text=True, check=False)
    if done.returncode != 0:
        raise StepFailed(" ".join([Path(command[0]).name, *command[1:3]]))
    return done.stdout or ""


def _stay(options: argparse.Namespace, page: str) -> None:
    """Keep measuring by the schedule until Ctrl-C, so that evidence grows."""
    print("\nmeasurements go on by the schedule (every 15 minutes); those started by hand are shown but never counted.")
    print(
        f"evidence file: .venv/bin/speedproof-collector evidence {options.subscriber} --out evidence.zip --data {options.data}/collector"
    )
    print("Ctrl-C ends it; the next start goes on from here.", flush=True)
    log, ended = options.data / "probe.log", threading.Event()
    with (
        log.open("ab") as output,
        subprocess.Popen(
            [BIN / "speedproof-probe", "run"], stdout=output, stderr=output, start_new_session=True
        ) as process,
    ):
        try:
            while process.poll() is None:
                ended.wait(1)
            print(f"the probe ended by itself; see {log}", file=sys.stderr)
        except KeyboardInterrupt:
            print(f"\nstopped; everything is kept in {options.data}, the page was {page.partition('?')[0]}")
        finally:
            process.terminate()


if __name__ == "__main__":
    sys.exit(main())
