"""Versions of the areas as a whole, and what came from what."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from shared.postgres import Connection, Pool

LAST_CHANGE = "SELECT max(valid_from) FROM intake.area_versions"
ADD_VERSION = """
    INSERT INTO intake.area_versions (version, valid_from, made_by, note, defined, retired)
    VALUES ($1, $2, $3, $4, $5, $6)
"""
VERSIONS = """
    SELECT version, valid_from, made_at, made_by, note, defined, retired FROM intake.area_versions
     WHERE version < $1 ORDER BY version DESC LIMIT $2
"""
ADD_SUCCESSIONS = """
    INSERT INTO intake.area_successions (predecessor, successor, version)
    SELECT predecessor, successor, $3 FROM unnest($1::text[], $2::text[]) AS s (predecessor, successor)
"""
SUCCESSIONS = """
    SELECT predecessor, successor, version FROM intake.area_successions
     WHERE predecessor = ANY($1::text[]) OR successor = ANY($1::text[])
     ORDER BY version, predecessor, successor
"""


class Version(NamedTuple):
    """A change of the areas: from when it counts, when and by whom it was made, and how much it changed."""

    version: int
    valid_from: datetime
    made_at: datetime
    made_by: str
    note: str | None
    defined: int
    retired: int


class Succession(NamedTuple):
    """`successor` came from `predecessor` with a version of the areas."""

    predecessor: str
    successor: str
    version: int


async def last_change(tx: Connection) -> datetime | None:
    """From when the youngest version counts; the caller holds the head."""
    found: datetime | None = await tx.fetchval(LAST_CHANGE)
    return found


async def add_version(
    tx: Connection, version: int, valid_from: datetime, by: str, note: str | None, defined: int, retired: int
) -> None:
    await tx.execute(ADD_VERSION, version, valid_from, by, note, defined, retired)


async def versions(connection: Connection | Pool, before: int, limit: int) -> list[Version]:
    """Versions below `before`, the youngest first."""
    return [Version(*row) for row in await connection.fetch(VERSIONS, before, limit)]


async def add_successions(tx: Connection, pairs: Sequence[tuple[str, str]], version: int) -> None:
    if pairs:
        await tx.execute(ADD_SUCCESSIONS, *map(list, zip(*pairs, strict=True)), version)


async def successions(connection: Connection | Pool, paths: Sequence[str]) -> list[Succession]:
    """What any of `paths` came from or became, in the order of time."""
    return [Succession(*row) for row in await connection.fetch(SUCCESSIONS, list(paths))]
