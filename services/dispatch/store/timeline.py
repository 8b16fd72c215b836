"""What happened to a case, in order. Rows are added and never changed."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.dispatch.domain.case import Case, Fact
from services.dispatch.store.rows import json_text
from shared.postgres import Connection

COLUMNS = (
    "case_id",
    "version",
    "revision",
    "act",
    "at",
    "actor",
    "centre",
    "post",
    "from_status",
    "status",
    "opinion",
    "evidence",
    "clock",
    "details",
)
_NAMES = ", ".join(COLUMNS)
_VALUES = _NAMES.replace("evidence", "evidence::jsonb")
_ARRAYS = (
    "uuid[]",
    "int[]",
    "int[]",
    "text[]",
    "timestamptz[]",
    "text[]",
    "text[]",
    "text[]",
    "text[]",
    "text[]",
    "text[]",
    "text[]",
    "jsonb[]",
    "jsonb[]",
)


def insert_sql(first_parameter: int = 1) -> str:
    """The insert of `columns(cases)`, its parameters numbered from `first_parameter`."""
    arrays = ", ".join(f"${first_parameter + n}::{kind}" for n, kind in enumerate(_ARRAYS))
    return f"INSERT INTO dispatch.timeline ({_NAMES}) SELECT {_VALUES} FROM unnest({arrays}) AS n ({_NAMES})"


PARAMETERS = len(_ARRAYS)

PAGE = """
    SELECT t.version, t.act, t.at, t.actor, t.centre, t.post, t.from_status, t.status, t.opinion, t.evidence,
           CASE t.act WHEN 'import' THEN t.details -> 'steps' END AS steps
      FROM dispatch.timeline t
     WHERE t.case_id = $1 AND t.version > $2
     ORDER BY t.version
     LIMIT $3
"""


def columns(cases: Sequence[Case]) -> tuple[list[Any], ...]:
    """The facts that `cases` carry, as the arrays of the insert."""
    told: list[tuple[Case, Fact]] = [(case, fact) for case in cases for fact in case.facts]
    return (
        [case.id for case, _ in told],
        [fact.version for _, fact in told],
        [fact.revision for _, fact in told],
        [fact.act for _, fact in told],
        [fact.at for _, fact in told],
        [fact.actor.subject for _, fact in told],
        [fact.actor.centre for _, fact in told],
        [fact.actor.post for _, fact in told],
        [fact.from_status for _, fact in told],
        [fact.status for _, fact in told],
        [fact.opinion for _, fact in told],
        [json_text(fact.evidence) if fact.evidence else None for _, fact in told],
        [fact.clock for _, fact in told],
        [fact.details or None for _, fact in told],
    )


async def add(tx: Connection, cases: Sequence[Case]) -> None:
    """Write the facts that `cases` carry: by COPY, 2.6 µs a row here where an insert from arrays takes 6.5."""
    records = [
        (
            case.id,
            fact.version,
            fact.revision,
            fact.act,
            fact.at,
            fact.actor.subject,
            fact.actor.centre,
            fact.actor.post,
            fact.from_status,
            fact.status,
            fact.opinion,
            fact.evidence or None,
            fact.clock,
            fact.details or None,
        )
        for case in cases
        for fact in case.facts
    ]
    await tx.copy_records_to_table("timeline", schema_name="dispatch", columns=COLUMNS, records=records)


async def page(tx: Connection, case_id: UUID, after: int, limit: int) -> list[dict[str, Any]]:
    """Facts above version `after`, as the timeline of the public interface shows them."""
    rows = await tx.fetch(PAGE, case_id, after, limit)
    return [
        {
            "version": row["version"],
            "act": row["act"],
            "at": row["at"],
            "actor": row["actor"],
            "centre": row["centre"],
            "post": row["post"],
            "from": row["from_status"],
            "to": row["status"],
            "opinion": row["opinion"],
            "evidence": row["evidence"] or [],
            **({"steps": row["steps"]} if row["steps"] else {}),
        }
        for row in rows
    ]
