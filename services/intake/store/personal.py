"""What is personal of reports: found with its keys, ended, and the log of who had to do with it."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.kernel.area import prefix_sql
from shared.postgres import Connection, Pool


class Found(NamedTuple):
    """A report with what opens its personal part; None: not there, or no more. `ended`: erased or expired."""

    id: UUID
    routing_key: str
    category: str
    sealed: bytes | None
    key: bytes | None
    subject: UUID | None
    subject_key: bytes | None
    ended: bool


class Entry(NamedTuple):
    """One row of the log. `id` is a UUIDv7: they sort by time."""

    id: UUID
    at: datetime
    act: str
    actor: str
    post: str | None
    purpose: str
    note: str
    report_id: UUID | None
    routing_key: str
    activity_id: UUID | None = None


FIND = """
    SELECT r.id, r.routing_key, r.category, r.sealed, p.key, p.subject, s.key AS subject_key,
           EXISTS (SELECT FROM intake.personal_log l
                    WHERE l.report_id = r.id AND l.act IN ('erase', 'expire')) AS ended
      FROM intake.reports r
      LEFT JOIN intake.personal p ON p.report_id = r.id
      LEFT JOIN intake.subjects s ON s.id = p.subject
     WHERE r.id = $1
"""
ADD_ENTRIES = f"""
    INSERT INTO intake.personal_log ({", ".join(Entry._fields)})
    SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                         $8::uuid[], $9::text[], $10::uuid[])
"""
ENTRIES = f"""
    SELECT {", ".join(Entry._fields)} FROM intake.personal_log
     WHERE id < $1 AND {prefix_sql("routing_key", "$2")}
       AND ($3::uuid IS NULL OR report_id = $3) AND ($4::uuid IS NULL OR activity_id = $4)
       AND ($5::text IS NULL OR act = $5)
     ORDER BY id DESC LIMIT $6
"""

# A person's key and those of all their reports. What is sealed goes too; copies of it elsewhere have no key any more.
END_SUBJECTS = """
    WITH keys AS (DELETE FROM intake.subjects WHERE id = ANY($1::uuid[])),
         reports AS (DELETE FROM intake.personal WHERE subject = ANY($1::uuid[]) RETURNING report_id)
    SELECT report_id FROM reports
"""
CLEAR = "UPDATE intake.reports SET sealed = NULL WHERE id = ANY($1::uuid[]) RETURNING id, routing_key"

ENDED = """
    UPDATE intake.personal p SET ended_at = e.at
      FROM unnest($1::uuid[], $2::timestamptz[]) AS e (report_id, at)
     WHERE p.report_id = e.report_id AND p.ended_at IS DISTINCT FROM e.at
"""
# Past their time: those whose case ended, unless it was reopened since, and those that never had a case.
PAST = """
    SELECT report_id, subject FROM (
        (SELECT p.report_id, p.subject FROM intake.personal p JOIN intake.report_status s USING (report_id)
          WHERE p.ended_at < $1 AND s.status = ANY($2::text[]) ORDER BY p.ended_at LIMIT $3)
        UNION ALL
        (SELECT p.report_id, p.subject FROM intake.personal p
          WHERE p.ended_at IS NULL AND p.received_at < $1
            AND NOT EXISTS (SELECT FROM intake.report_status s WHERE s.report_id = p.report_id)
          ORDER BY p.received_at LIMIT $3)) AS past
    LIMIT $3
"""
END_REPORTS = "DELETE FROM intake.personal WHERE report_id = ANY($1::uuid[]) RETURNING report_id"
END_IDLE = """
    DELETE FROM intake.subjects s WHERE id = ANY($1::uuid[])
       AND NOT EXISTS (SELECT FROM intake.personal p WHERE p.subject = s.id)
       AND NOT EXISTS (SELECT FROM intake.activities a WHERE a.subject = s.id)
"""

# Reports that an older program sealed, with the key in them: page by page, for no index leads to them.
PAGE_END = "SELECT id FROM intake.reports WHERE id > $1 ORDER BY id OFFSET $2 LIMIT 1"
LOCK_OLD = """
    SELECT id, tracking_code, received_at, sealed FROM intake.reports
     WHERE id > $1 AND id <= $2 AND substring(sealed FROM 1 FOR 1) = '\\x01'::bytea ORDER BY id FOR UPDATE
"""
RESEAL = """
    UPDATE intake.reports r SET sealed = n.sealed FROM unnest($1::uuid[], $2::bytea[]) AS n (id, sealed)
     WHERE r.id = n.id
"""
# What names a person in field work lay under the installation's key itself.
OLD_ACTIVITIES = """
    SELECT id, sealed, content FROM intake.activities
     WHERE id > $1 AND sealed IS NOT NULL AND subject IS NULL ORDER BY id LIMIT $2 FOR UPDATE
"""
RESEAL_ACTIVITIES = """
    UPDATE intake.activities a SET sealed = n.sealed, content = n.content, subject = n.subject
      FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::uuid[]) AS n (id, sealed, content, subject)
     WHERE a.id = n.id
"""


class Old(NamedTuple):
    """A report as an older program sealed it."""

    id: UUID
    tracking_code: str
    received_at: datetime
    sealed: bytes


async def find(connection: Connection, report_id: UUID) -> Found | None:
    row = await connection.fetchrow(FIND, report_id)
    return None if row is None else Found(*row)


async def add_entries(tx: Connection, entries: Sequence[Entry]) -> None:
    """At least one."""
    await tx.execute(ADD_ENTRIES, *zip(*entries, strict=True))


async def entries(
    pool: Pool,
    before: UUID,
    area: str,
    report_id: UUID | None,
    activity_id: UUID | None,
    act: str | None,
    limit: int,
) -> list[Entry]:
    """The newest first, from behind `before`, of one area and below."""
    return [Entry(*row) for row in await pool.fetch(ENTRIES, before, area, report_id, activity_id, act, limit)]


async def end_subjects(tx: Connection, subjects: Sequence[UUID]) -> list[UUID]:
    """End these subjects, which the caller has locked; the reports that were theirs."""
    return [row["report_id"] for row in await tx.fetch(END_SUBJECTS, subjects)]


async def clear(tx: Connection, reports: Sequence[UUID]) -> list[tuple[UUID, str]]:
    """Take what is sealed from these reports; (id, routing key) of each."""
    return [(row["id"], row["routing_key"]) for row in await tx.fetch(CLEAR, reports)]


async def ended(tx: Connection, reports: Sequence[tuple[UUID, datetime]]) -> None:
    """The cases of these reports ended then. Each report once."""
    await tx.execute(ENDED, *zip(*reports, strict=True))


async def past(tx: Connection, before: datetime, terminal: Sequence[str], limit: int) -> list[tuple[UUID, UUID]]:
    """(report, subject) of some that ended before then, or came before then and never became a case."""
    return [(row["report_id"], row["subject"]) for row in await tx.fetch(PAST, before, terminal, limit)]


async def end_reports(tx: Connection, reports: Sequence[UUID], subjects: Sequence[UUID]) -> list[UUID]:
    """End the keys of these reports, and of their subjects, locked by the caller, that have nothing else. Those that
    were still there.
    """
    gone = [row["report_id"] for row in await tx.fetch(END_REPORTS, reports)]
    await end_idle(tx, subjects)
    return gone


async def end_idle(tx: Connection, subjects: Sequence[UUID]) -> None:
    """End those of these subjects, locked by the caller, under which nothing is any more."""
    await tx.execute(END_IDLE, subjects)


async def page_end(connection: Connection, after: UUID, rows: int) -> UUID | None:
    """The id of the report so many behind `after`; None: there are not so many."""
    found: UUID | None = await connection.fetchval(PAGE_END, after, rows)
    return found


async def lock_old(tx: Connection, after: UUID, end: UUID) -> list[Old]:
    """Those of a page that an older program sealed, locked."""
    return [Old(*row) for row in await tx.fetch(LOCK_OLD, after, end)]


async def reseal(tx: Connection, sealed: Sequence[tuple[UUID, bytes]]) -> None:
    """(report, what is sealed of it from now on); locked by the caller."""
    await tx.execute(RESEAL, *zip(*sealed, strict=True))


async def old_activities(tx: Connection, after: UUID, limit: int) -> list[tuple[UUID, bytes, bytes]]:
    """(id, sealed, content) of field work behind `after` that an older program sealed, locked."""
    return [(row["id"], row["sealed"], row["content"]) for row in await tx.fetch(OLD_ACTIVITIES, after, limit)]


async def reseal_activities(tx: Connection, sealed: Sequence[tuple[UUID, bytes, bytes, UUID]]) -> None:
    """(id, sealed, content, subject) of each from now on; locked by the caller."""
    await tx.execute(RESEAL_ACTIVITIES, *zip(*sealed, strict=True))
