"""Schema migrations: plain .sql files, run by Alembic.

A service's history is `services/<name>/migrations/NNNN_words.sql`; a file's name without `.sql` is its revision id.
What the bus needs in every service's schema is a second branch, `shared/bus/schema.sql` (revision `bus_0001`),
`schema_0002.sql`, …, with `{schema}` filled in; it is applied before the service's own files.
`<schema>.alembic_version` has a row for each branch. The embedded carrier's log is a schema of its own, `bus`, whose
files are in `shared/bus/log/` and named in the same way.

Released files are never edited: a change is a new file that works with the code already running.
Alembic, SQLAlchemy and psycopg are imported by `migrate` alone: a program on a current schema never loads them.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import asyncpg

if TYPE_CHECKING:
    from alembic.script import Script, ScriptDirectory

    from shared.postgres import Connection

ROOT = Path(__file__).resolve().parent.parent
BUS = "bus"
# Alembic's version_num is varchar(32).
SERVICE_FILE = re.compile(r"(?P<number>\d{4})_[a-z0-9_]{1,27}")
BUS_FILE = re.compile(r"schema(?:_(?P<number>\d{4}))?")

# A migration that waits for a lock makes everything behind it wait too: give up soon, let traffic pass, try again.
LOCK_TIMEOUT = "3s"
LOCK_TRIES = 10
# The second of two migrators waits for the first, then finds nothing to do.
TURN_TIMEOUT = "120s"
TURN = "wangge.migrate"


class SchemaNotCurrent(Exception):
    """The database's schema is not the one this program was written for; the text names the fix."""


class SchemaTooOld(SchemaNotCurrent):
    """Migrations of this program have not been applied."""


class MigrationFailed(Exception):
    """The database could not be reached, or refused a migration; the text is one line."""


class Revision(NamedTuple):
    """One file and its place: branch is `bus` or the service's name."""

    id: str
    branch: str
    path: Path


def schemas() -> list[str]:
    """The schemas that have migrations: the bus's, then the services'."""
    return [
        BUS,
        *sorted(folder.parent.name for folder in ROOT.glob("services/*/migrations") if any(folder.glob("*.sql"))),
    ]


def revisions(schema: str) -> list[Revision]:
    """Every revision of a schema in order, the bus's first. Raises ValueError for a misnamed or missing number."""
    bus = ROOT / "shared" / "bus"
    if schema == BUS:
        return _branch(BUS, sorted((bus / "log").glob("*.sql")), BUS_FILE)
    return [
        *_branch(BUS, sorted(bus.glob("*.sql")), BUS_FILE),
        *_branch(schema, sorted((ROOT / "services" / schema / "migrations").glob("*.sql")), SERVICE_FILE),
    ]


def _branch(branch: str, paths: Sequence[Path], pattern: re.Pattern[str]) -> list[Revision]:
    found = []
    for expected, path in enumerate(paths, start=1):
        match = pattern.fullmatch(path.stem)
        number = int(match["number"] or 1) if match else 0
        if number != expected:
            raise ValueError(f"{path.relative_to(ROOT)}: expected migration number {expected:04d} in its name")
        found.append(Revision(f"{BUS}_{number:04d}" if branch == BUS else path.stem, branch, path))
    return found


def heads(schema: str) -> frozenset[str]:
    """The last revision of each branch: what `<schema>.alembic_version` holds when the schema is current."""
    return frozenset({each.branch: each.id for each in revisions(schema)}.values())


async def check_current(conn: Connection, schema: str) -> None:
    """Raise SchemaTooOld if a migration of this program is missing. Two small queries.

    A newer schema is fine: a migration works with the code already running, so that a release can be rolled out pod by
    pod, and back.
    """
    rows = []
    if await conn.fetchval("SELECT to_regclass($1)", f'"{schema}".alembic_version'):
        rows = await conn.fetch(f'SELECT version_num FROM "{schema}".alembic_version')
    found = {str(row["version_num"]) for row in rows}
    # One row a branch: an id that is not ours is a later one of that branch, for ours are all before it.
    branch = {each.id: each.branch for each in revisions(schema)}
    later = len(found - branch.keys())
    missing = heads(schema) - found
    if len(missing) <= later:
        return
    missing_names = ", ".join(sorted(missing))
    raise SchemaTooOld(f"schema {schema} is older than this program ({missing_names} is missing): run `wangge migrate`")


async def bring_up_to_date(dsn: str) -> bool:
    """Migrate every schema where needed and tell whether anything was. A current database costs one connection.

    The work is done in a process of its own, so that SQLAlchemy and Alembic (40 MB) do not stay in this one.
    """
    conn = await asyncpg.connect(dsn)
    try:
        for schema in schemas():
            await check_current(conn, schema)
        return False
    except SchemaTooOld:
        pass
    finally:
        await conn.close()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "shared.migrations",
        stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    _, errors = await process.communicate(dsn.encode())
    if process.returncode != 0:
        raise MigrationFailed(errors.decode(errors="replace").strip().splitlines()[-1])
    return True


def migrate(dsn: str, *, applied: Callable[[str, str], None] | None = None) -> None:
    """Apply what is missing in every schema; `applied(schema, revision)` hears of each. Raises MigrationFailed."""
    import psycopg

    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=10) as turn:
            turn.execute(f"SET lock_timeout = '{TURN_TIMEOUT}'")
            turn.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (TURN,))
            for schema in schemas():
                turn.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
                for branch in dict.fromkeys(each.branch for each in revisions(schema)):
                    _upgrade_patiently(dsn, schema, branch, applied)
    except psycopg.OperationalError as error:
        raise MigrationFailed(f"start Postgres, or set WANGGE_DATABASE_URL ({_one_line(error)})") from error
    except psycopg.Error as error:
        words = "is WANGGE_DATABASE_URL right, and may its user create schemas?"
        raise MigrationFailed(f"database: {_one_line(error)}: {words}") from error


def _upgrade_patiently(dsn: str, schema: str, branch: str, applied: Callable[[str, str], None] | None) -> None:
    import psycopg
    import sqlalchemy.exc

    for attempt in range(1, LOCK_TRIES + 1):
        try:
            return _upgrade(dsn, schema, branch, applied)
        except sqlalchemy.exc.DBAPIError as error:
            cause = error.orig
            if isinstance(cause, psycopg.errors.LockNotAvailable) and attempt < LOCK_TRIES:
                time.sleep(min(attempt, 5))
                continue
            where = ", ".join([schema, *error.detail])
            raise MigrationFailed(f"schema {where}: {_one_line(cause or error)}") from error


def _upgrade(dsn: str, schema: str, branch: str, applied: Callable[[str, str], None] | None) -> None:
    import psycopg
    import sqlalchemy
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext

    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=sqlalchemy.NullPool
    )
    with engine.connect() as connection:
        # A pending lock is given up, a long statement is not: building an index may take its time.
        connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
        connection.commit()
        scripts = _scripts(schema, connection)
        known = {each.id for each in revisions(schema)}

        def steps(current: Any, _context: Any) -> Any:
            unknown = set(current) - known
            if unknown:
                raise MigrationFailed(f"schema {schema} is newer than this program: {', '.join(sorted(unknown))}")
            return scripts._upgrade_revs(f"{branch}@head", current)

        def tell(ctx: Any, step: Any, heads: Any, run_args: Any) -> None:
            if applied:
                applied(schema, step.up_revision_id)

        with EnvironmentContext(Config(), scripts, fn=steps) as environment:
            environment.configure(
                connection=connection,
                version_table_schema=schema,
                transaction_per_migration=True,
                on_version_apply=tell,
            )
            with environment.begin_transaction():
                environment.run_migrations()


def _scripts(schema: str, connection: Any) -> ScriptDirectory:
    """Alembic's view of the .sql files: one Script for each, made here instead of read from a .py file."""
    from alembic.script import Script, ScriptDirectory

    def script(revision: Revision, down: str | None) -> Script:
        sql = revision.path.read_text(encoding="utf-8").replace("{schema}", schema)
        module: Any = ModuleType(revision.id)
        module.revision = revision.id
        module.down_revision = down
        module.branch_labels = revision.branch if down is None else None
        module.upgrade = lambda: _execute(connection, revision.id, sql)
        return Script(module, revision.id, revision.path)

    class SqlScripts(ScriptDirectory):
        def _load_revisions(self) -> Iterator[Script]:
            last: dict[str, str] = {}
            for revision in revisions(schema):
                yield script(revision, last.get(revision.branch))
                last[revision.branch] = revision.id

    return SqlScripts(str(ROOT))


def _execute(connection: Any, revision: str, sql: str) -> None:
    import sqlalchemy.exc

    try:
        # No parameters: psycopg then sends the file as it is, several statements and per cent signs included.
        connection.execution_options(no_parameters=True).exec_driver_sql(sql)
    except sqlalchemy.exc.DBAPIError as error:
        error.add_detail(revision)
        raise


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def main() -> int:
    """Migrate the database whose DSN comes on standard input: an argument would show it to every user."""
    try:
        migrate(sys.stdin.read().strip())
    except MigrationFailed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
