"""Cases of an old system as COPY takes them, by the thousand.

Rows are written as COPY's text format where they are made, in the process that reads the file: what stores them has
then nothing to do but to hand bytes on, while the next batch is being read.
"""

import io
from collections.abc import Container, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from services.dispatch.audit.chain import Birth, birth_hash, canonical, row_mac
from services.dispatch.audit.keys import AuditKey
from services.dispatch.domain.case import Act
from services.dispatch.domain.history import CHECKED, Imported
from shared.bus import outbox
from shared.bus.event import Event, shard_of
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
    "ended_at",
    "provisional_edition",
    "head",
)
_TIMELINE = ("case_id", "version", "revision", "act", "at", "actor", "centre", "status", "clock", "details", "mac")
_PENDING = ("case_id",)

_IMPORT = Act.IMPORT.value


class Lines(NamedTuple):
    """A case as a line of COPY for each of its tables: case, timeline, outbox, what a checkpoint is to cover."""

    case: str
    fact: str
    event: str
    pending: str


class Tables(NamedTuple):
    """The lines of many cases, by table. No line has an end of line within it."""

    cases: bytes
    facts: bytes
    events: bytes
    pending: bytes


def lines_of(case: Imported, details: Mapping[str, Any], told: bytes, event: Event, audit_key: AuditKey) -> Lines:
    """The case's lines, its one fact sealed with `audit_key`; `told` is `details` as JSON, as in the event."""
    data = case.told
    clock = "\\N" if case.clock is None else _text(orjson.dumps(case.clock).decode())
    end, passed = case.ended_at.isoformat(), data.times[CHECKED] is not None and data.outcome == "closed"
    case_id, number = str(case.id), _text(case.number)
    mac = _mac(case, details, audit_key)
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
        end,
        "\\N",
        mac,
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
        mac,
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
    return Lines("\t".join(fields), "\t".join(fact), "\t".join(sent), case_id)


def _mac(case: Imported, details: Mapping[str, Any], audit_key: AuditKey) -> str:
    """The mac of the case's only row, which is the head of its chain, too."""
    data = case.told
    birth = Birth(case.id, case.number, case.report_id, data.area, data.source, case.opened_at)
    by = (f"history:{data.system}", "system", None)
    row = (case.id, 1, 1, _IMPORT, case.ended_at, *by, None, data.outcome, None, None, case.clock, details, None, None)
    return f"\\\\x{row_mac(audit_key, birth_hash(birth), canonical(row)).hex()}"


def _text(value: str) -> str:
    """As COPY reads it: backslash, tab and the ends of lines stand for themselves only when escaped."""
    value = value.replace("\\", "\\\\") if "\\" in value else value
    if value.isprintable():
        return value
    return value.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def tables_of(lines: Sequence[Lines]) -> Tables:
    """The lines, one table after the other."""
    return Tables(*("".join([f"{each[n]}\n" for each in lines]).encode() for n in range(4)))


def without(tables: Tables, left_out: Container[int]) -> Tables:
    """The same without the cases of those indexes."""
    return Tables(
        *(
            b"".join([line for n, line in enumerate(table.splitlines(keepends=True)) if n not in left_out])
            for table in tables
        )
    )


async def add(tx: Connection, tables: Tables) -> None:
    """Write cases, their timelines and their events: four COPYs."""
    for table, columns, text in zip(
        ("cases", "timeline", "outbox", "audit_pending"),
        (_CASES, _TIMELINE, outbox.COLUMNS, _PENDING),
        tables,
        strict=True,
    ):
        await tx.copy_to_table(table, schema_name="dispatch", columns=columns, source=io.BytesIO(text))
