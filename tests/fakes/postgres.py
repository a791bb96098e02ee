"""A real PostgreSQL of this machine: a cluster of its own in a temporary folder, reached by a socket in it."""

import atexit
import functools
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest

_SETTINGS = "listen_addresses=''\nunix_socket_directories='{}'\nmax_connections=200\nmax_locks_per_transaction=256\n"
_SETTINGS += (
    "fsync=off\nautovacuum=off\n"  # whoever kills a server does not cut its machine's power; and nothing here grows old
)


@dataclass
class Cluster:
    """A running cluster that can be killed, started again, and asked for databases."""

    folder: Path
    user: dict[str, object] = field(default_factory=dict)
    made: int = 0

    def run(self, *command: str) -> None:
        """Run one of PostgreSQL's programs as its user."""
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, **self.user)  # type: ignore[call-overload]
        assert done.returncode == 0, (command, done.stderr[-2000:])

    def start(self) -> None:
        """Start it and wait until it answers."""
        with Path(os.devnull).open("w") as nowhere:  # the server keeps what it is started with open
            subprocess.run(
                ["pg_ctl", "-D", str(self.folder / "data"), "-l", str(self.folder / "log"), "-w", "start"],
                cwd=self.folder, stdout=nowhere, stderr=nowhere, check=True, **self.user,  # type: ignore[call-overload]
            )  # fmt: skip

    def stop(self) -> None:
        """End it at once, as if it had been killed: nothing is written out."""
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")

    def database(self, like: str = "template1") -> str:
        """The address of a new database, empty or like another one, to which nobody may be connected."""
        self.made += 1
        name = f"lake{os.getpid()}_{self.made}"
        self.run("createdb", "-h", str(self.folder), "-U", "postgres", "-T", like, name)
        return f"postgresql://postgres@/{name}?host={quote(str(self.folder), safe='')}"


def missing() -> str | None:
    """Why a cluster cannot be had here; None if it can."""
    if shutil.which("initdb") is None or shutil.which("pg_ctl") is None:
        return "PostgreSQL is not installed (apt install postgresql; its programs must be in PATH)"
    if any(importlib.util.find_spec(name) is None for name in ("duckdb_extensions", "psycopg")):
        return "the extra `lake` is not installed"
    if os.geteuid() == 0 and "postgres" not in {user.pw_name for user in pwd.getpwall()}:
        return "PostgreSQL does not run as root, and there is no user postgres"
    return None


def begin() -> Cluster:
    """A new cluster, running; skips the test, with the reason, where there is none to be had."""
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    cluster = Cluster(Path(tempfile.mkdtemp(prefix="speedproof-pg-")))
    cluster.folder.chmod(0o755)
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        cluster.user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        os.chown(cluster.folder, owner.pw_uid, owner.pw_gid)
    cluster.run("initdb", "-D", "data", "-A", "trust", "--no-sync", "--locale=C", "-E", "UTF8", "-U", "postgres")
    with (cluster.folder / "data" / "postgresql.conf").open("a") as file:
        file.write(_SETTINGS.format(cluster.folder))
    cluster.start()
    return cluster


def end(cluster: Cluster) -> None:
    """Stop it and drop its folder."""
    subprocess.run(
        ["pg_ctl", "-D", str(cluster.folder / "data"), "-m", "immediate", "-w", "stop"],
        cwd=cluster.folder, capture_output=True, check=False, **cluster.user,  # type: ignore[call-overload]
    )  # fmt: skip
    shutil.rmtree(cluster.folder, ignore_errors=True)


@functools.cache
def shared() -> Cluster:
    """One cluster for all tests of this run that only want a database of their own; it ends with the run."""
    cluster = begin()
    atexit.register(end, cluster)
    return cluster
