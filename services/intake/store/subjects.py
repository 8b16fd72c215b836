"""Subjects and the keys of reports under them. Every key here is wrapped: nothing of it opens anything by itself."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.postgres import Connection


class Candidate(NamedTuple):
    """A subject to be made unless one of its marks is known: `mark` first, then `other`; None: it has none."""

    mark: bytes | None
    other: bytes | None
    id: UUID
    key: bytes


class Subject(NamedTuple):
    """A subject with its wrapped key, found or made for `mark`."""

    mark: bytes
    id: UUID
    key: bytes


class Kept(NamedTuple):
    """The key of a report's personal part, wrapped by its subject's."""

    report_id: UUID
    subject: UUID
    key: bytes
    code: bytes
    received_at: datetime


# The secret of the marks is made once, by whoever comes first.
SECRET = "SELECT key FROM intake.personal_secrets WHERE purpose = $1"
ADD_SECRET = "INSERT INTO intake.personal_secrets (purpose, key) VALUES ($1, $2) ON CONFLICT DO NOTHING"

# None of these waits for the disk: the report's own commit follows, and what was committed before is durable with it.
# One statement finds the known and makes the others; a subject that another transaction makes at this moment is left
# out, and asked for again. Marks are inserted in order, so that two statements never wait for each other.
_NO_WAIT = "SELECT set_config('synchronous_commit', 'off', true) AS set"
# Whom the marks name: first who was made by one, then whom else it names; `own`: who was made by the first.
_ASKED = """
        SELECT b.*, coalesce(
                   b.own,
                   (SELECT m.subject FROM intake.subject_marks m WHERE m.mark = b.mark ORDER BY 1 LIMIT 1),
                   (SELECT s.id FROM intake.subjects s WHERE s.mark = b.other),
                   (SELECT m.subject FROM intake.subject_marks m WHERE m.mark = b.other ORDER BY 1 LIMIT 1)) AS known
          FROM (SELECT a.*, (SELECT s.id FROM intake.subjects s WHERE s.mark = a.mark) AS own
                  FROM unnest($1::bytea[], $2::bytea[], $3::uuid[], $4::bytea[]) AS a (mark, other, id, key)) AS b
""".strip()
# What a subject was made by names it already.
_MARKED = """
        INSERT INTO intake.subject_marks (mark, subject)
        SELECT mark, subject FROM found WHERE another
         UNION
        SELECT other, subject FROM found f
         WHERE other IS NOT NULL
           AND NOT EXISTS (SELECT FROM intake.subjects s WHERE s.mark = f.other AND s.id = f.subject)
         ORDER BY 1, 2
        ON CONFLICT DO NOTHING
""".strip()
FIND_OR_MAKE = f"""
    WITH no_wait AS MATERIALIZED ({_NO_WAIT}), asked AS MATERIALIZED (
        {_ASKED}
    ), made AS (
        INSERT INTO intake.subjects (id, mark, key, created_at)
        SELECT id, mark, key, $5::timestamptz FROM asked WHERE known IS NULL ORDER BY mark
        ON CONFLICT (mark) DO NOTHING
        RETURNING id, key
    ), found AS MATERIALIZED (
        SELECT a.mark, a.other, coalesce(a.known, m.id) AS subject, m.key,
               a.known IS NOT NULL AND a.own IS NULL AS another
          FROM asked a LEFT JOIN made m ON m.id = a.id
         WHERE a.known IS NOT NULL OR m.id IS NOT NULL
    ), marked AS (
        {_MARKED}
    )
    SELECT f.mark, f.subject, coalesce(f.key, s.key) AS key
      FROM found f CROSS JOIN no_wait LEFT JOIN intake.subjects s ON s.id = f.subject
     WHERE f.key IS NOT NULL OR s.key IS NOT NULL
"""

# The same, with the keys of reports: kept are those under subjects that were made, and under such as are there. These
# are held until the key is in: whoever ends one waits, and then sees that it has another report. Told are the reports
# whose key is kept, and the subjects that were found: for those, and for such as another transaction makes or ended at
# this moment, it is asked again. A candidate without a mark is made in any case.
KEEP = f"""
    WITH no_wait AS MATERIALIZED ({_NO_WAIT}), asked AS MATERIALIZED (
        {_ASKED}
    ), given AS MATERIALIZED (
        SELECT * FROM unnest($6::uuid[], $7::uuid[], $8::bytea[], $9::bytea[], $10::timestamptz[])
            AS k (report_id, subject, key, code, received_at)
    ), made AS (
        INSERT INTO intake.subjects (id, mark, key, created_at)
        SELECT id, mark, key, $5::timestamptz FROM asked WHERE known IS NULL ORDER BY mark
        ON CONFLICT (mark) DO NOTHING
        RETURNING id
    ), found AS MATERIALIZED (
        SELECT a.mark, a.other, coalesce(a.known, m.id) AS subject,
               a.known IS NOT NULL AND a.own IS NULL AS another
          FROM asked a LEFT JOIN made m ON m.id = a.id
         WHERE a.mark IS NOT NULL AND (a.known IS NOT NULL OR m.id IS NOT NULL)
    ), marked AS (
        {_MARKED}
    ), held AS MATERIALIZED (
        SELECT g.* FROM given g JOIN intake.subjects s ON s.id = g.subject FOR KEY SHARE OF s
    ), kept AS (
        INSERT INTO intake.personal AS p (report_id, subject, key, code, received_at)
        SELECT * FROM held UNION ALL SELECT g.* FROM given g JOIN made m ON m.id = g.subject
        ON CONFLICT (report_id) DO UPDATE SET subject = excluded.subject, key = excluded.key
        RETURNING p.report_id
    )
    SELECT report_id, NULL::bytea AS mark, NULL::uuid AS subject, NULL::bytea AS key FROM kept CROSS JOIN no_wait
     UNION ALL
    SELECT NULL, a.mark, s.id, s.key FROM asked a JOIN intake.subjects s ON s.id = a.known
"""

BY_MARK = """
    SELECT id AS subject FROM intake.subjects WHERE mark = $1
     UNION
    SELECT subject FROM intake.subject_marks WHERE mark = $1
"""
SAME_PERSON = """
    WITH marks AS MATERIALIZED (
        SELECT mark FROM intake.subjects WHERE id = $1 AND mark IS NOT NULL
         UNION
        SELECT mark FROM intake.subject_marks WHERE subject = $1
    )
    SELECT $1::uuid AS subject
     UNION
    SELECT s.id FROM intake.subjects s JOIN marks USING (mark)
     UNION
    SELECT m.subject FROM intake.subject_marks m JOIN marks USING (mark)
"""
LOCK = "SELECT id FROM intake.subjects WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE"

# As KEEP does: whoever ends a subject waits, and then sees what is under it.
HOLD = "SELECT id FROM intake.subjects WHERE id = ANY($1::uuid[]) ORDER BY id FOR KEY SHARE"
ADD = """
    INSERT INTO intake.subjects (id, key, created_at)
    SELECT id, key, $3::timestamptz FROM unnest($1::uuid[], $2::bytea[]) AS n (id, key)
"""

SILENCE = """
    UPDATE intake.subjects s SET silent_at = coalesce(s.silent_at, $2)
      FROM intake.personal p WHERE p.code = $1 AND s.id = p.subject
    RETURNING s.id
"""

# For a new installation key.
STALE = """
    SELECT id, key FROM intake.subjects WHERE id > $1 AND substring(key FROM 1 FOR 4) <> $2
     ORDER BY id LIMIT $3 FOR UPDATE
"""
REWRAP = """
    UPDATE intake.subjects s SET key = n.key FROM unnest($1::uuid[], $2::bytea[]) AS n (id, key) WHERE s.id = n.id
"""
STALE_SECRETS = "SELECT purpose, key FROM intake.personal_secrets WHERE substring(key FROM 1 FOR 4) <> $1 FOR UPDATE"
REWRAP_SECRET = "UPDATE intake.personal_secrets SET key = $2 WHERE purpose = $1"


async def secret(connection: Connection, purpose: str) -> bytes | None:
    """The wrapped secret for `purpose`."""
    found: bytes | None = await connection.fetchval(SECRET, purpose)
    return found


async def add_secret(connection: Connection, purpose: str, key: bytes) -> None:
    """Nothing happens if there is one."""
    await connection.execute(ADD_SECRET, purpose, key)


async def find_or_make(connection: Connection, candidates: Sequence[Candidate], at: datetime) -> list[Subject]:
    """The subjects of the candidates' marks, each mark once among them. Left out is one that another transaction is
    just making: ask again. The statement is its own transaction.
    """
    rows = await connection.fetch(FIND_OR_MAKE, *zip(*candidates, strict=True), at)
    return [Subject(*row) for row in rows]


async def keep(
    connection: Connection, candidates: Sequence[Candidate], kept: Sequence[Kept], at: datetime
) -> tuple[set[UUID], list[Subject]]:
    """Reports whose key is kept now; and the candidates for whose marks a subject was found, with that. Each first mark
    once among the candidates. The statement is its own transaction.
    """
    asked = zip(*candidates, strict=True) if candidates else ([], [], [], [])
    rows = await connection.fetch(KEEP, *asked, at, *zip(*kept, strict=True))
    done = {row["report_id"] for row in rows if row["report_id"] is not None}
    return done, [Subject(row["mark"], row["subject"], row["key"]) for row in rows if row["report_id"] is None]


async def by_mark(tx: Connection, mark: bytes) -> list[UUID]:
    return [row["subject"] for row in await tx.fetch(BY_MARK, mark)]


async def same_person(tx: Connection, subject: UUID) -> list[UUID]:
    """This subject and those that share a telephone number or an e-mail address with it."""
    return [row["subject"] for row in await tx.fetch(SAME_PERSON, subject)]


async def lock(tx: Connection, subjects: Sequence[UUID]) -> list[UUID]:
    """Those that are there, each locked to the end of the transaction."""
    return [row["id"] for row in await tx.fetch(LOCK, subjects)]


async def hold(tx: Connection, subjects: Sequence[UUID]) -> list[UUID]:
    """Those that are there; none of them ends before the transaction does."""
    return [row["id"] for row in await tx.fetch(HOLD, subjects)]


async def add(tx: Connection, subjects: Sequence[tuple[UUID, bytes]], at: datetime) -> None:
    """Subjects of their own, (id, wrapped key), that nothing leads to but what lies under them."""
    await tx.execute(ADD, *zip(*subjects, strict=True), at)


async def silence(tx: Connection, code: bytes, at: datetime) -> bool:
    """No further messages to the person whose report has the tracking code that hashes to `code`; False: no such."""
    return bool(await tx.fetch(SILENCE, code, at))


async def stale(tx: Connection, after: UUID, current: bytes, limit: int) -> list[tuple[UUID, bytes]]:
    """Subjects behind `after` whose key is wrapped by another installation key than `current`, locked."""
    return [(row["id"], row["key"]) for row in await tx.fetch(STALE, after, current, limit)]


async def rewrap(tx: Connection, keys: Sequence[tuple[UUID, bytes]]) -> None:
    await tx.execute(REWRAP, *zip(*keys, strict=True))


async def stale_secrets(tx: Connection, current: bytes) -> list[tuple[str, bytes]]:
    return [(row["purpose"], row["key"]) for row in await tx.fetch(STALE_SECRETS, current)]


async def rewrap_secret(tx: Connection, purpose: str, key: bytes) -> None:
    await tx.execute(REWRAP_SECRET, purpose, key)
