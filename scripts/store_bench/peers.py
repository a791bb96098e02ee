"""The same measurements in two other engines: PostgreSQL with a btree on (line, at_us), and ClickHouse (chdb) ordered by them."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Any

import duckdb

COLUMNS = (
    'provenance, device, seq, slot, at_us, method, direction, "end", rate_bps, rtt_us, loss_pm, received_bytes, dur_us, failure, '
    "stage, reason, flaws, network_type, received_us, grade, grade_reason, campaign, k, says, limited"
)
PLACES = (4, 5, 7, 8, 9)  # of what is compared
Row = tuple[object, ...]


class Missing(Exception):
    """An engine that is not on this machine."""


class Postgres:
    """A cluster of its own in a temporary folder, run as the user postgres, on loopback."""

    name = "PostgreSQL"

    def __init__(self, folder: Path, schema: list[tuple[str, str]]) -> None:
        """Make the cluster and the table."""
        if shutil.which("initdb") is None or importlib.util.find_spec("psycopg") is None:
            raise Missing("PostgreSQL: needs initdb and pg_ctl, and psycopg")
        import psycopg  # noqa: PLC0415 - only where it is

        self._folder, self._schema, self._user = folder / "pg", schema, {}
        folder.chmod(0o755)
        if os.geteuid() == 0:
            try:
                owner = pwd.getpwnam("postgres")
            except KeyError as error:
                raise Missing("PostgreSQL: runs not as root, and there is no user postgres") from error
            self._user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        self._folder.mkdir()
        if self._user:
            os.chown(self._folder, int(self._user["user"]), int(self._user["group"]))  # type: ignore[call-overload]
        self._run("initdb", "-D", str(self._folder), "-A", "trust", "--no-sync", "--locale=C", "-E", "UTF8")
        settings = "listen_addresses=''\nunix_socket_directories='{}'\nshared_buffers=1GB\nwork_mem=256MB\nmaintenance_work_mem=512MB\n"
        settings += "max_wal_size=4GB\nwal_level=minimal\nmax_wal_senders=0\nsynchronous_commit=off\njit=off\n"
        with (self._folder / "postgresql.conf").open("a") as file:
            file.write(settings.format(self._folder))
        self._start()
        self._connect = lambda: psycopg.connect(
            host=str(self._folder), user="postgres", dbname="postgres", autocommit=True
        )
        self._db: Any = self._connect()
        kinds = {"BIGINT": "bigint", "INTEGER": "bigint", "VARCHAR": "text", "BOOLEAN": "boolean"}
        self._db.execute("CREATE TABLE record (" + ", ".join(f'"{name}" {kinds[kind]}' for name, kind in schema) + ")")

    def _run(self, *command: str) -> None:
        subprocess.run(
            command,
            check=True,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self._user,  # type: ignore[call-overload]
        )

    def _start(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder), "-l", str(self._folder / "log"), "-w", "start")

    def take(self, file: Path) -> None:
        """Copy a piece in."""
        text = file.with_suffix(".csv")
        with duckdb.connect() as connection:
            connection.execute(f"COPY (SELECT * FROM '{file}') TO '{text}' (FORMAT csv, HEADER false)")
        text.chmod(0o644)
        self._db.execute(f"COPY record FROM '{text}' (FORMAT csv)")
        text.unlink()

    def ready(self) -> None:
        """The btree, and what a planner needs."""
        self._db.execute("CREATE INDEX ON record (line, at_us)")
        self._db.execute("VACUUM ANALYZE record")
        self._db.execute("CHECKPOINT")

    def bytes(self) -> int:
        """Heap and index."""
        return int(self._db.execute("SELECT pg_total_relation_size('record')").fetchone()[0])

    def cool(self) -> None:
        """Start the server anew, so that its own memory is empty."""
        self._db.close()
        self._run("pg_ctl", "-D", str(self._folder), "-w", "-m", "fast", "stop")
        self._start()
        self._db = self._connect()

    def timeline(self, line: int, since_us: int) -> list[Row]:
        """A line's measurements."""
        sql = f"SELECT {COLUMNS} FROM record WHERE line = %s AND at_us >= %s ORDER BY at_us, device, seq"
        return [tuple(row[place] for place in PLACES) for row in self._db.execute(sql, [line, since_us]).fetchall()]

    def cell_hours(self, since_us: int, until_us: int) -> list[Row]:
        """The worst hours of cells."""
        sql = hours(
            "count(*) FILTER (WHERE \"end\" = 'ok')",
            "count(*) FILTER (WHERE \"end\" = 'failed')",
            "div(sum(rate_bps), nullif(count(rate_bps), 0))",
            "/",
        )
        return [
            (*row[:6], None if row[6] is None else int(row[6]))
            for row in self._db.execute(sql.format(since_us, until_us)).fetchall()
        ]

    def close(self) -> None:
        """Stop the server."""
        self._db.close()
        with contextlib.suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-D", str(self._folder), "-m", "immediate", "stop")


class Chdb:
    """ClickHouse in this process, over a folder."""

    name = "ClickHouse (chdb)"

    def __init__(self, folder: Path, schema: list[tuple[str, str]]) -> None:
        """Make the table."""
        if importlib.util.find_spec("chdb") is None:
            raise Missing("chdb: not installed (pip install chdb)")
        from chdb.session import Session  # noqa: PLC0415 - only where it is

        self._folder = folder / "chdb"
        self._session: Any = Session(str(self._folder))
        self._ask("CREATE DATABASE IF NOT EXISTS bench ENGINE = Atomic")
        sure = {"line", "stream", "entry_no", "seq", "at_us", "received_us"}
        kinds = {
            "BIGINT": "Nullable(Int64)",
            "INTEGER": "Nullable(Int64)",
            "VARCHAR": "LowCardinality(Nullable(String))",
            "BOOLEAN": "Nullable(Bool)",
        }
        columns = ", ".join(f"`{name}` {'Int64' if name in sure else kinds[kind]}" for name, kind in schema)
        self._ask(f"CREATE TABLE bench.record ({columns}) ENGINE = MergeTree ORDER BY (line, at_us)")

    def _ask(self, sql: str) -> list[Row]:
        text = self._session.query(sql, "JSONCompactEachRow").bytes().decode()
        import json  # noqa: PLC0415 - the answer's form

        return [tuple(json.loads(line)) for line in text.splitlines()]

    def take(self, file: Path) -> None:
        """Read a piece."""
        self._ask(f"INSERT INTO bench.record SELECT * FROM file('{file}', 'Parquet')")

    def ready(self) -> None:
        """Merge all parts, which is the best it can do for a question."""
        self._ask("OPTIMIZE TABLE bench.record FINAL")

    def bytes(self) -> int:
        """The parts that are in use."""
        (row,) = self._ask("SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'bench'")
        return int(str(row[0]))

    def cool(self) -> None:
        """Forget what it holds in memory."""
        for cache in ("MARK CACHE", "UNCOMPRESSED CACHE"):
            self._ask(f"SYSTEM DROP {cache}")

    def timeline(self, line: int, since_us: int) -> list[Row]:
        """A line's measurements."""
        where = f"WHERE line = {line} AND at_us >= {since_us} ORDER BY at_us, device, seq SETTINGS output_format_json_quote_64bit_integers = 0"
        rows = self._ask(f"SELECT {COLUMNS.replace(chr(34), '`')} FROM bench.record {where}")
        return [tuple(row[place] for place in PLACES) for row in rows]

    def cell_hours(self, since_us: int, until_us: int) -> list[Row]:
        """The worst hours of cells."""
        sql = hours(
            "countIf(`end` = 'ok')",
            "countIf(`end` = 'failed')",
            "intDiv(sum(rate_bps), nullIf(count(rate_bps), 0))",
            None,
        )
        sql = sql.replace("FROM record", "FROM bench.record").format(since_us, until_us)
        return self._ask(sql + " SETTINGS output_format_json_quote_64bit_integers = 0")

    def close(self) -> None:
        """Let go."""
        self._session.close()


def hours(ok: str, failed: str, mean: str, slash: str | None) -> str:
    """The statement of `cell_hours.sql` in another engine's words."""
    hour = "intDiv(at_us, 3600000000)" if slash is None else f"at_us {slash} 3600000000"
    return (
        f"SELECT operator, cell, {hour} * 3600000000 AS hour_us, count(*) AS n, {ok} AS ok, {failed} AS failed, {mean} AS mean "
        "FROM record WHERE at_us >= {} AND at_us < {} AND cell IS NOT NULL AND provenance = 'signed' AND direction = 'down' "
        f"GROUP BY operator, cell, {hour} ORDER BY mean NULLS LAST, failed DESC, hour_us, operator, cell LIMIT 100"
    )
