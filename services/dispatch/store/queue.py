"""What waits for a post, the most urgent first, and how much of it for which reason.

Each reason is a part of its own, read in order from the index of open cases and no further than a page: at a million
cases a page costs what it costs at ten thousand.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from services.dispatch.domain.queues import ON_SITE, Reason
from services.dispatch.store.lists import AFTER_PART, UNMOVED_PART, Place, Seen
from services.dispatch.store.rows import case_of
from services.dispatch.store.wanted import OPEN_PART, Sight, plan_for_each, within_sql
from shared.kernel.area import AreaPath
from shared.postgres import Connection

# Counting goes no further than this for a reason: a desk that has so many waiting needs no exact figure.
COUNTED_TO = 1000

# Of whose cases: a unit's clerk the unit's own (it acts on no others); on the spot what is theirs or nobody's, and not
# their own work; others all of the area.
_UNIT = "c.unit = $3"
_ON_SITE = "(c.assignee IS NULL OR c.assignee = $4) AND NOT c.handlers @> ARRAY[$4::text]"
_WHOSE = f"($3::text IS NULL OR {_UNIT}) AND ($4::text IS NULL OR ({_ON_SITE}))"


class Owner(NamedTuple):
    """Whose queue: `subject` for those on the spot alone."""

    unit: str | None
    subject: str | None


def owner_of(post: str | None, unit: str | None, subject: str) -> Owner:
    return Owner(unit if post == "unit_clerk" else None, subject if post in ON_SITE else None)


def _waits(reason: Reason) -> str:
    if reason.of_unit:
        return f"c.asks IS NOT NULL AND '{reason.ask}:' || $3::text = ANY (c.asks)"
    if reason.ask is not None:
        return f"c.asks IS NOT NULL AND '{reason.ask}' = ANY (c.asks)"
    return f"c.status IN ({', '.join(repr(status.value) for status in reason.statuses)})"


def _part(reason: Reason, more: str) -> str:
    return f"""(
    SELECT c.id, c.waits_until, '{reason.name}' AS reason FROM dispatch.cases c
     WHERE {_waits(reason)}{"" if reason.ended else f" AND {OPEN_PART}"}
       AND {within_sql("c.area", "$1")} AND {within_sql("c.area", "$2")}{"" if reason.of_unit else f" AND {_WHOSE}"}
       {more})"""


@lru_cache
def page_sql(reasons: tuple[Reason, ...]) -> str:
    """A page of these reasons' cases: of the case, `reasons`, its place and the snapshot."""
    after = f"""
       AND {AFTER_PART.format(at="$5", id="$6")} AND {UNMOVED_PART.format(snapshot="$7")}
     ORDER BY c.waits_until, c.id LIMIT $8"""
    parts = " UNION ALL ".join(_part(reason, after) for reason in reasons)
    return f"""
    SELECT c.*, clock_timestamp() AS now, k.reasons, k.waits_until::text AS waits,
           pg_current_snapshot()::text AS snapshot
      FROM (SELECT id, waits_until, array_agg(reason) AS reasons FROM ({parts}) AS each
             GROUP BY id, waits_until ORDER BY waits_until, id LIMIT $8) AS k
      JOIN dispatch.cases c ON c.id = k.id
     ORDER BY k.waits_until, k.id
    """


@lru_cache
def count_sql(reasons: tuple[Reason, ...]) -> str:
    """How many wait for each reason, up to COUNTED_TO."""
    parts = " UNION ALL ".join(_part(reason, f" LIMIT {COUNTED_TO}") for reason in reasons)
    return f"SELECT reason, count(*) AS cases FROM ({parts}) AS each GROUP BY reason"


class Waiting(NamedTuple):
    """A case that waits, and why."""

    seen: Seen
    reasons: list[str]
    place: Place


async def page(
    tx: Connection,
    sight: Sight,
    area: AreaPath,
    owner: Owner,
    reasons: Sequence[Reason],
    after: Place | None,
    limit: int,
) -> list[Waiting]:
    """What waits within `area`, the most urgent first."""
    await plan_for_each(tx)
    given = (sight.area, area, *owner, *(after or (None, None, None)), limit)
    rows = await tx.fetch(page_sql(tuple(reasons)), *given)
    return [
        Waiting(
            Seen(case_of(row), row["now"]),
            row["reasons"],
            Place(row["waits"], row["id"], after.snapshot if after else row["snapshot"]),
        )
        for row in rows
    ]


async def counts(
    tx: Connection, sight: Sight, area: AreaPath, owner: Owner, reasons: Sequence[Reason]
) -> dict[str, int]:
    """Cases by reason, those without any included; COUNTED_TO stands for that many or more."""
    rows = await tx.fetch(count_sql(tuple(reasons)), sight.area, area, *owner)
    found = {row["reason"]: row["cases"] for row in rows}
    return {reason.name: found.get(reason.name, 0) for reason in reasons}
