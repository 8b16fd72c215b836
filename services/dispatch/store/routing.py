"""Versions of the routing rules, and from when each is in force. A row or two a month are written here."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from shared.postgres import Connection

# Two that load at once get two versions, one after the other.
TURN = "LOCK TABLE dispatch.routing_versions IN SHARE ROW EXCLUSIVE MODE"

ADD = """
    INSERT INTO dispatch.routing_versions (version, pack, origin, digest, source, loaded_by, comment)
    SELECT coalesce(max(version), 0) + 1, $1, $2, $3, $4, $5, $6 FROM dispatch.routing_versions
    RETURNING version
"""

ACTIVATE = """
    INSERT INTO dispatch.routing_activations (pack, version, starts_at, activated_by)
    VALUES ($1, $2, coalesce($3, clock_timestamp()), $4)
    RETURNING starts_at
"""

# The one in force, then those to come.
PLANNED = """
    SELECT a.version, a.starts_at, v.origin
      FROM dispatch.routing_activations a
      JOIN dispatch.routing_versions v ON v.version = a.version
     WHERE a.pack = $1
       AND (a.starts_at > clock_timestamp()
            OR a.id = (SELECT b.id FROM dispatch.routing_activations b
                        WHERE b.pack = $1 AND b.starts_at <= clock_timestamp()
                        ORDER BY b.starts_at DESC, b.id DESC
                        LIMIT 1))
     ORDER BY a.starts_at, a.id
"""

SOURCES = "SELECT version, source FROM dispatch.routing_versions WHERE pack = $1 AND version = ANY ($2::int[])"

KNOWN = "SELECT EXISTS (SELECT FROM dispatch.routing_versions WHERE pack = $1 AND origin = 'pack' AND digest = $2)"

LIST = """
    SELECT v.version, v.origin, v.loaded_at, v.loaded_by, v.comment,
           array_agg(a.starts_at ORDER BY a.starts_at, a.id) FILTER (WHERE a.id IS NOT NULL) AS starts
      FROM dispatch.routing_versions v
      LEFT JOIN dispatch.routing_activations a ON a.version = v.version
     WHERE v.pack = $1
     GROUP BY v.version
     ORDER BY v.version
"""


class Planned(NamedTuple):
    """A version that is in force from `starts_at` on, until the next one's."""

    version: int
    starts_at: datetime
    origin: str


class New(NamedTuple):
    """Rules to be kept: `origin` is `pack` or `file`, `digest` that of `source`."""

    origin: str
    digest: str
    source: str
    loaded_by: str
    comment: str | None


class Listed(NamedTuple):
    """A version, and when it came or comes into force."""

    version: int
    origin: str
    loaded_at: datetime
    loaded_by: str
    comment: str | None
    starts: list[datetime]


async def turn(tx: Connection) -> None:
    """Nobody else loads or registers rules until this transaction ends."""
    await tx.execute(TURN)


async def add(tx: Connection, pack: str, new: New) -> int:
    """Keep rules under the next number, which is returned; the caller has the turn."""
    version: int = await tx.fetchval(ADD, pack, *new)
    return version


async def activate(tx: Connection, pack: str, version: int, at: datetime | None, by: str) -> datetime:
    """In force from `at`, or from now; returns from when."""
    starts_at: datetime = await tx.fetchval(ACTIVATE, pack, version, at, by)
    return starts_at


async def planned(tx: Connection, pack: str) -> list[Planned]:
    """The version in force, if there is one yet, then those to come, in order."""
    return [Planned(*row) for row in await tx.fetch(PLANNED, pack)]


async def sources(tx: Connection, pack: str, versions: Sequence[int]) -> dict[int, str]:
    """Version → its rules as they were written, of those that the pack has."""
    return {row["version"]: row["source"] for row in await tx.fetch(SOURCES, pack, versions)}


async def known(tx: Connection, pack: str, digest: str) -> bool:
    """Whether these rules of the pack's own are kept already."""
    found: bool = await tx.fetchval(KNOWN, pack, digest)
    return found


async def versions(tx: Connection, pack: str) -> list[Listed]:
    """Every version, the oldest first."""
    return [Listed(**{**row, "starts": row["starts"] or []}) for row in await tx.fetch(LIST, pack)]
