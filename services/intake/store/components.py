"""Components: one by one, by area, owner, kind or box, the nearest of a kind, and what each was before."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.intake.domain.cells import Run
from services.intake.domain.component import Component, Kept, Rate
from shared.kernel.area import prefix_sql
from shared.postgres import Connection, Pool

_FIELDS_PART = ", ".join(Component._fields)
_ALL_PART = f"{_FIELDS_PART}, version, since, by"

# Whoever writes has the registry to himself: an import for a batch, a person for a row. Readers wait for nobody.
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('wangge.components', 0))"
KNOWN = """
    SELECT c.code, c.version, c.fingerprint
      FROM unnest($1::bigint[]) AS asked (code),
           LATERAL (SELECT * FROM intake.components c WHERE c.code = asked.code OFFSET 0) AS c
"""
# A changed component's row is taken out and written anew: all its indexes change anyway.
PUT_AWAY = """
    WITH gone AS (DELETE FROM intake.components WHERE code = ANY ($1::bigint[]) RETURNING *)
    INSERT INTO intake.component_versions (code, version, since, by, component)
    SELECT code, version, since, by, to_jsonb(gone) FROM gone
"""
FIND = f"SELECT {_ALL_PART} FROM intake.components WHERE code = $1"
# By the code it has, or by the one it had under the other standard; what stands comes first.
NAMED = f"""
    SELECT asked, {_ALL_PART} FROM unnest($1::bigint[]) AS asked, LATERAL (
        SELECT * FROM intake.components c WHERE c.code = asked OR c.former_code = asked
         ORDER BY c.code <> asked, c.state = 'removed', c.code LIMIT 1) AS found
"""
FORMER_TAKEN = "SELECT code FROM intake.components WHERE former_code = $1 AND code <> $2 LIMIT 1"
VERSIONS = """
    SELECT version, since, by, component FROM intake.component_versions
     WHERE code = $1 AND version < $2 ORDER BY version DESC LIMIT $3
"""
REPORTS = f"""
    SELECT r.id, r.category, r.routing_key, r.received_at, s.case_id, s.status
      FROM intake.component_reports n JOIN intake.reports r ON r.id = n.report_id
           LEFT JOIN intake.report_status s ON s.report_id = r.id
     WHERE n.code = $1 AND ($2::uuid IS NULL OR n.report_id < $2)
       AND {prefix_sql("r.routing_key", "$3")} AND ($4::text[] IS NULL OR r.category = ANY ($4::text[]))
     ORDER BY n.report_id DESC LIMIT $5
"""

# What a list may be narrowed by, whichever way it goes: $1 area, $2 kinds, $3 owner, $4 states, $5 whether owned.
_WANTED_PART = f"""
    {prefix_sql("c.area", "$1")} AND ($2::text[] IS NULL OR c.kind = ANY ($2::text[]))
    AND ($3::text IS NULL OR c.owner = $3) AND ($4::text[] IS NULL OR c.state = ANY ($4::text[]))
    AND ($5::boolean IS NULL OR (c.owner IS NOT NULL) = $5)
"""
BY_AREA = f"""
    SELECT {_ALL_PART} FROM intake.components c
     WHERE {_WANTED_PART} AND (c.area, c.code) > ($6::text, $7::bigint) ORDER BY c.area, c.code LIMIT $8
"""
BY_OWNER = f"""
    SELECT {_ALL_PART} FROM intake.components c
     WHERE {_WANTED_PART} AND c.owner = $3::text AND c.code > $6::bigint ORDER BY c.code LIMIT $7
"""
BY_KIND = f"""
    SELECT {_ALL_PART} FROM intake.components c
     WHERE {_WANTED_PART} AND c.kind = $6::text AND (c.cell, c.code) > ($7::bigint, $8::bigint)
     ORDER BY c.cell, c.code LIMIT $9
"""
IN_BOX = f"""
    SELECT {_ALL_PART} FROM unnest($6::bigint[], $7::bigint[]) AS r (low, high), LATERAL (
        SELECT * FROM intake.components c
         WHERE c.cell BETWEEN r.low AND r.high AND (c.cell, c.code) > ($8::bigint, $9::bigint)
           AND c.lon BETWEEN $10 AND $11 AND c.lat BETWEEN $12 AND $13 AND {_WANTED_PART}
         ORDER BY c.cell, c.code LIMIT $14) AS c
     ORDER BY c.cell, c.code LIMIT $14
"""

# $1, $2 runs of cells; $3, $4 the point; $5, $6 metres a degree there; $7 how far; $8 the caller's area; $9 which
# kinds; $10 how many. Flat distances are right to a millimetre at the lengths that are asked for.
_NEAR_PART = f"""
    SELECT {_ALL_PART}, distance FROM (
        SELECT c.*, sqrt(((c.lon - $3) * $5) ^ 2 + ((c.lat - $4) * $6) ^ 2) AS distance
          FROM unnest($1::bigint[], $2::bigint[]) AS r (low, high), LATERAL (
              SELECT * FROM intake.components c WHERE %s c.cell BETWEEN r.low AND r.high OFFSET 0) AS c
         WHERE c.state <> 'removed' AND {prefix_sql("c.area", "$8")}) AS near
     WHERE distance <= $7 %s ORDER BY distance, code LIMIT $10
"""
NEAREST_OF_KIND = _NEAR_PART % ("c.kind = $9::text AND", "")
NEAREST = _NEAR_PART % ("", "AND ($9::text[] IS NULL OR kind = ANY ($9::text[]))")

_OWNED_PART = f"""
    count(*), count(owner) FROM intake.components
     WHERE state <> 'removed' AND {prefix_sql("area", "$1")} AND ($2::text[] IS NULL OR kind = ANY ($2::text[]))
     GROUP BY 1 ORDER BY 1
"""
OWNED_BY_GRID = f"SELECT area, {_OWNED_PART}"
OWNED_BY_KIND = f"SELECT kind, {_OWNED_PART}"


class Wanted(NamedTuple):
    """What a list is narrowed by; None: by nothing. `area` may be empty: the whole city."""

    area: str
    kinds: Sequence[str] | None = None
    owner: str | None = None
    states: Sequence[str] | None = None
    owned: bool | None = None


class Former(NamedTuple):
    """What a component was, from `since` until the version after it."""

    component: Component
    version: int
    since: datetime
    by: str


class NamedIn(NamedTuple):
    """A report that names a component."""

    id: UUID
    category: str
    routing_key: str
    received_at: datetime
    case_id: UUID | None
    status: str | None


async def lock(tx: Connection) -> None:
    """Have the registry to oneself, to the end of the transaction."""
    await tx.execute(LOCK)


async def known(tx: Connection, codes: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Version and fingerprint of those of `codes` that are registered."""
    return {row[0]: (row[1], row[2]) for row in await tx.fetch(KNOWN, codes)}


async def put_away(tx: Connection, codes: Sequence[int]) -> None:
    """Make what stands of `codes` a former version; it is to be written anew."""
    await tx.execute(PUT_AWAY, codes)


async def find(connection: Connection | Pool, code: int) -> Kept | None:
    row = await connection.fetchrow(FIND, code)
    return None if row is None else _kept(row)


async def named(connection: Connection | Pool, codes: Sequence[int]) -> dict[int, Kept]:
    """The components that each of `codes` stands for, now or under the other standard."""
    return {row[0]: _kept(row[1:]) for row in await connection.fetch(NAMED, codes)}


async def former_taken(tx: Connection, former_code: int, code: int) -> int | None:
    """The component other than `code` that has this former code."""
    found: int | None = await tx.fetchval(FORMER_TAKEN, former_code, code)
    return found


async def versions(connection: Connection | Pool, code: int, below: int, limit: int) -> list[Former]:
    """What a component was, the latest first, of the versions below `below`."""
    return [
        Former(_from_json(row["component"]), row["version"], row["since"], row["by"])
        for row in await connection.fetch(VERSIONS, code, below, limit)
    ]


async def reports(
    connection: Connection | Pool,
    code: int,
    below: UUID | None,
    area: str,
    categories: Sequence[str] | None,
    limit: int,
) -> list[NamedIn]:
    """Reports in `area` that name a component, the latest first."""
    return [NamedIn(*row) for row in await connection.fetch(REPORTS, code, below, area, categories, limit)]


async def by_area(c: Connection | Pool, wanted: Wanted, after: tuple[str, int], limit: int) -> list[Kept]:
    return [_kept(row) for row in await c.fetch(BY_AREA, *wanted, *after, limit)]


async def by_owner(c: Connection | Pool, wanted: Wanted, after: int, limit: int) -> list[Kept]:
    return [_kept(row) for row in await c.fetch(BY_OWNER, *wanted, after, limit)]


async def by_kind(c: Connection | Pool, wanted: Wanted, kind: str, after: tuple[int, int], limit: int) -> list[Kept]:
    """In the order of their cells, as `in_box` has them."""
    return [_kept(row) for row in await c.fetch(BY_KIND, *wanted, kind, *after, limit)]


async def in_box(
    c: Connection | Pool,
    wanted: Wanted,
    runs: Sequence[Run],
    box: tuple[float, float, float, float],
    after: tuple[int, int],
    limit: int,
) -> list[Kept]:
    """`box` is west, south, east, north; `runs` hold all its cells."""
    low, high = [run.low for run in runs], [run.high for run in runs]
    west, south, east, north = box
    rows = await c.fetch(IN_BOX, *wanted, low, high, *after, west, east, south, north, limit)
    return [_kept(row) for row in rows]


class Near(NamedTuple):
    """Where to look: `runs` hold all cells within `metres` of the point; `per_degree` is metres of lon and lat."""

    lon: float
    lat: float
    metres: float
    per_degree: tuple[float, float]
    runs: Sequence[Run]


async def nearest(
    c: Connection | Pool, near: Near, area: str, kinds: Sequence[str] | None, limit: int
) -> list[tuple[Kept, float]]:
    """Components that stand, the nearest first, each with its distance in metres."""
    one = kinds is not None and len(kinds) == 1
    rows = await c.fetch(
        NEAREST_OF_KIND if one else NEAREST,
        [run.low for run in near.runs],
        [run.high for run in near.runs],
        near.lon,
        near.lat,
        *near.per_degree,
        near.metres,
        area,
        kinds[0] if one and kinds else kinds,
        limit,
    )
    return [(_kept(row), row["distance"]) for row in rows]


async def owned(c: Connection | Pool, area: str, kinds: Sequence[str] | None, *, by_kind: bool) -> list[Rate]:
    """Of the components that stand, how many have an owner: by kind, or by grid."""
    return [Rate(*row) for row in await c.fetch(OWNED_BY_KIND if by_kind else OWNED_BY_GRID, area, kinds)]


_COUNT = len(Component._fields)


def _kept(row: Any) -> Kept:
    return Kept(Component(*row[:_COUNT]), *row[_COUNT : _COUNT + 3])


def _from_json(found: Mapping[str, Any]) -> Component:
    days = {name: date.fromisoformat(text) for name in ("surveyed_on", "changed_on") if (text := found[name])}
    return Component(**{name: found[name] for name in Component._fields} | days)
