"""Cases of an old system, by the thousand, and how far each import came.

Rows are written as COPY's text format where they are made, in the process that reads the file: what stores them has
then nothing to do but to hand bytes on, while the next batch is being read.
"""

import io
from collections.abc import Container, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import orjson

from services.dispatch.domain.case import Act
from services.dispatch.domain.history import CHECKED, Imported
from shared.bus import outbox
from shared.bus.event import Event, shard_of
from shared.contracts.dispatch import CaseImported
from shared.postgres import Connection

_CASES = (
    "id",
    "report_id",
    "reports",
    "number",
    "status",
    "version",
    "revision",
    "area",
    "born_in",
    "lon",
    "lat",
    "category",
    "description",
    "source",
    "opened_at",
    "condition",
    "limit_amount",
    "limit_unit",
    "unit",
    "passed",
    "due_at",
    "overdue",
    "clocks",
    "history",
)
_TIMELINE = ("case_id", "version", "revision", "act", "at", "actor", "centre", "status", "clock", "details")

_IMPORT = Act.IMPORT.value

LOCK_SYSTEM = "SELECT pg_try_advisory_lock(hashtextextended('wangge.history ' || $1, 0))"
UNFINISHED = """
    SELECT id, rows_done, imported, known, refused, errors_bytes
      FROM dispatch.history_imports WHERE system = $1 AND sha256 = $2 AND finished_at IS NULL
       FOR UPDATE
"""
BEGIN = "INSERT INTO dispatch.history_imports (system, file, sha256) VALUES ($1, $2, $3) RETURNING id"
# UNFINISHED waits for the last batch of an import that was killed, and ADVANCE is the first thing that a batch writes.
# The fence: an import goes on from where it stands, or not at all.
ADVANCE = """
    UPDATE dispatch.history_imports
       SET rows_done = $3, imported = imported + $4, known = known + $5, refused = refused + $6, errors_bytes = $7
     WHERE id = $1 AND rows_done = $2 AND finished_at IS NULL
"""
FINISH = "UPDATE dispatch.history_imports SET finished_at = now() WHERE id = $1 AND finished_at IS NULL"
# One index probe a case, whatever the planner believes of a table that has just begun to grow.
BY_INDEX = "SET LOCAL enable_seqscan = off"
KNOWN = """
    SELECT n.place FROM unnest($1::uuid[]) WITH ORDINALITY AS n (report_id, place),
           LATERAL (SELECT FROM dispatch.cases c WHERE c.report_id = n.report_id OFFSET 0) AS c
"""
RETIRED_UNITS = """
    INSERT INTO dispatch.units (code, name_zh, name_en, dept, area, retired)
    SELECT code, code, code, '', '', true FROM unnest($1::text[]) AS n (code) ON CONFLICT (code) DO NOTHING
"""
UNIT_CODES = "SELECT code FROM dispatch.units"
WAITING = "SELECT count(*) FROM (SELECT FROM dispatch.outbox LIMIT $1) AS few"
OURS_WAIT = "SELECT EXISTS (SELECT FROM dispatch.outbox WHERE type = $1)"
IMPORTS = """
    SELECT id, system, file, rows_done, imported, known, refused, started_at, finished_at
      FROM dispatch.history_imports ORDER BY id DESC LIMIT $1
"""


class Lines(NamedTuple):
    """A case as a line of COPY for each of its tables: case, timeline, outbox."""

    case: str
    fact: str
    event: str


class Tables(NamedTuple):
    """The lines of many cases, by table. No line has an end of line within it."""

    cases: bytes
    facts: bytes
    events: bytes


class Standing(NamedTuple):
    """How far an import came."""

    id: int
    rows_done: int = 0
    imported: int = 0
    known: int = 0
    refused: int = 0
    errors_bytes: int = 0


class PastImport(NamedTuple):
    """An import as the list shows it."""

    id: int
    system: str
    file: str
    rows_done: int
    imported: int
    known: int
    refused: int
    started_at: datetime
    finished_at: datetime | None


def lines_of(case: Imported, told: bytes, event: Event) -> Lines:
    """The case's lines; `told` is JSON, as in the event."""
    data = case.told
    clock = "\\N" if case.clock is None else _text(orjson.dumps(case.clock).decode())
    end, passed = case.ended_at.isoformat(), data.times[CHECKED] is not None and data.outcome == "closed"
    case_id, number = str(case.id), _text(case.number)
    fields = (
        case_id,
        str(case.report_id),
        "{}",
        number,
        data.outcome,
        "1",
        "1",
        data.area,
        data.area,
        repr(data.place.lon),
        repr(data.place.lat),
        data.category,
        _text(data.description),
        data.source,
        case.opened_at.isoformat(),
        data.condition or "\\N",
        str(case.limit.amount) if case.limit else "\\N",
        case.limit.unit if case.limit else "\\N",
        data.unit or "\\N",
        "t" if passed else "\\N",
        case.due_at.isoformat() if case.due_at else "\\N",
        "t" if case.overdue else "f",
        "{}",
        data.system,
    )
    fact = (
        case_id,
        "1",
        "1",
        _IMPORT,
        end,
        f"history:{data.system}",
        "system",
        data.outcome,
        clock,
        _text(told.decode()),
    )
    sent = (
        str(shard_of(event.key)),
        event.topic,
        event.key,
        case_id,
        event.type,
        case_id,
        "1",
        event.routing_key,
        "\\N",
        end,
        "\\N",
        f"\\\\x{event.data.hex()}",
    )
    return Lines("\t".join(fields), "\t".join(fact), "\t".join(sent))


def _text(value: str) -> str:
    """As COPY reads it: backslash, tab and the ends of lines stand for themselves only when escaped."""
    value = value.replace("\\", "\\\\") if "\\" in value else value
    if value.isprintable():
        return value
    return value.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def tables_of(lines: Sequence[Lines]) -> Tables:
    """The lines, one table after the other."""
    return Tables(*("".join([f"{each[n]}\n" for each in lines]).encode() for n in range(3)))


def without(tables: Tables, left_out: Container[int]) -> Tables:
    """The same without the cases of those indexes."""
    return Tables(
        *(
            b"".join([line for n, line in enumerate(table.splitlines(keepends=True)) if n not in left_out])
            for table in tables
        )
    )


async def add(tx: Connection, tables: Tables) -> None:
    """Write cases, their timelines and their events: three COPYs."""
    for table, columns, text in zip(
        ("cases", "timeline", "outbox"), (_CASES, _TIMELINE, outbox.COLUMNS), tables, strict=True
    ):
        await tx.copy_to_table(table, schema_name="dispatch", columns=columns, source=io.BytesIO(text))


async def lock_system(connection: Connection, system: str) -> bool:
    """Have the imports of `system` to oneself for as long as the connection lives; False if another has."""
    return bool(await connection.fetchval(LOCK_SYSTEM, system))


async def unfinished(connection: Connection, system: str, sha256: str) -> Standing | None:
    """The import of this very file that was cut short."""
    row = await connection.fetchrow(UNFINISHED, system, sha256)
    return Standing(*row) if row else None


async def begin(connection: Connection, system: str, file: str, sha256: str) -> Standing:
    return Standing(int(await connection.fetchval(BEGIN, system, file, sha256)))


async def advance(tx: Connection, before: Standing, after: Standing) -> bool:
    """Settle the rows between the two; False if the import does not stand where `before` says."""
    counts = (getattr(after, name) - getattr(before, name) for name in ("imported", "known", "refused"))
    status = await tx.execute(ADVANCE, before.id, before.rows_done, after.rows_done, *counts, after.errors_bytes)
    return status == "UPDATE 1"


async def finish(connection: Connection, import_id: int) -> None:
    await connection.execute(FINISH, import_id)


async def known(tx: Connection, report_ids: Sequence[UUID]) -> set[int]:
    """Which of `report_ids`, by index, have their case already."""
    await tx.execute(BY_INDEX)
    return {row[0] - 1 for row in await tx.fetch(KNOWN, report_ids)}


async def add_retired_units(tx: Connection, codes: Sequence[str]) -> None:
    """Units that nobody has any more, so that their cases name one."""
    await tx.execute(RETIRED_UNITS, sorted(codes))


async def unit_codes(connection: Connection) -> list[str]:
    """Every unit that is or was."""
    return [row[0] for row in await connection.fetch(UNIT_CODES)]


async def waiting(connection: Connection, at_most: int) -> int:
    """How many facts wait in the outbox, counted up to `at_most`."""
    return int(await connection.fetchval(WAITING, at_most))


async def ours_wait(connection: Connection) -> bool:
    """Whether facts of an import wait in the outbox."""
    return bool(await connection.fetchval(OURS_WAIT, CaseImported.TYPE))


async def imports(connection: Connection, limit: int) -> list[PastImport]:
    """The newest imports first."""
    return [PastImport(*row) for row in await connection.fetch(IMPORTS, limit)]
