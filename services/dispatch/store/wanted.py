"""Which cases are meant: what a caller may see and what was asked for, as one condition over `dispatch.cases c`.

Every list, count, map and export has these seventeen parameters first and in this order; its own come after them. A
plan is made for each call (`CUSTOM_PLAN`): how much of the city an area is decides it, and what is not asked for falls
out of the statement.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from services.dispatch.domain.case import Status
from services.dispatch.domain.search import grams
from shared.kernel.area import AreaPath, prefix_sql
from shared.postgres import Connection

CUSTOM_PLAN = "SET LOCAL plan_cache_mode = force_custom_plan"

OPEN = [status.value for status in Status if not status.terminal]
# Word for word the predicate of the partial indexes.
OPEN_PART = "c.status NOT IN ('rejected', 'closed', 'voided')"

# What a caller may see beyond the area: a unit the cases it leads or assists in, an app those of its categories.
# `unit` and `categories` are null for everybody else.
SEEN_PART = (
    "({unit}::text IS NULL OR c.unit = {unit} OR (c.assisting <> '{{}}' AND c.assisting @> ARRAY[{unit}::text]))"
    " AND ({categories}::text[] IS NULL OR c.category = ANY ({categories}))"
)

_MATCHING = f"""
           {prefix_sql("c.area", "$1")} AND {SEEN_PART.format(unit="$2", categories="$3")}
       AND {prefix_sql("c.area", "$4")}
       AND ($5::text[] IS NULL OR c.status = ANY ($5))
       AND ($6::text[] IS NULL OR c.category = ANY ($6))
       AND ($7::text IS NULL OR c.unit = $7)
       AND ($8::boolean IS NULL OR c.overdue = $8)
       AND ($9::boolean IS NULL OR c.warned = $9)
       AND ($10::text IS NULL OR c.source = $10)
       AND ($11::timestamptz IS NULL OR c.opened_at >= $11) AND ($12::timestamptz IS NULL OR c.opened_at < $12)
       AND ($13::timestamptz IS NULL OR c.due_at >= $13) AND ($14::timestamptz IS NULL OR c.due_at < $14)"""
# Keys find candidates, the text decides.
_WORDS = """
       AND ($15::text IS NULL OR w.number = $15)
       AND ($16::int[] IS NULL OR w.grams @> $16)
       AND ($17::text[] IS NULL OR (SELECT bool_and(strpos(w.words, term) > 0) FROM unnest($17) AS term))"""
_NO_WORDS = """
       AND ($15::text, $16::int[], $17::text[]) IS NULL"""
PARAMETERS = 17


class Sight(NamedTuple):
    """What a caller may see: an area, for a unit's clerk only that unit's cases, for some apps only some categories."""

    area: AreaPath
    unit: str | None = None
    categories: Sequence[str] | None = None

    @property
    def whole(self) -> bool:
        """Everything within the area: what counters count."""
        return self.unit is None and self.categories is None


class Wanted(NamedTuple):
    """What is asked for; None does not filter. `terms` are normalised words, all of which a case must have.

    Instants are from (inclusive) and until (exclusive); `due_…` are of the case's handling.
    """

    area: AreaPath
    statuses: Sequence[str] | None = None
    categories: Sequence[str] | None = None
    unit: str | None = None
    overdue: bool | None = None
    warned: bool | None = None
    source: str | None = None
    opened_from: datetime | None = None
    opened_until: datetime | None = None
    due_from: datetime | None = None
    due_until: datetime | None = None
    number: str | None = None
    terms: Sequence[str] | None = None

    @property
    def searching(self) -> bool:
        return self.number is not None or self.terms is not None

    def with_statuses(self, statuses: Sequence[str]) -> "Wanted":
        """The same among `statuses` alone."""
        asked = self.statuses
        return self._replace(statuses=[s for s in statuses if asked is None or s in asked])


class Forms(NamedTuple):
    """A statement twice: over the cases alone, and over those that words or a number find."""

    plain: str
    searching: str

    def of(self, wanted: Wanted) -> str:
        return self.searching if wanted.searching else self.plain


def forms(template: str) -> Forms:
    """`template` with {cases} and {matching} filled in; further braces are doubled."""
    return Forms(
        template.format(cases="dispatch.cases c", matching=_MATCHING + _NO_WORDS),
        template.format(
            cases="dispatch.cases c JOIN dispatch.case_words w ON w.case_id = c.id", matching=_MATCHING + _WORDS
        ),
    )


def parameters(sight: Sight, wanted: Wanted) -> tuple[Any, ...]:
    """The first seventeen parameters of a statement made by `forms`."""
    keys = None
    if wanted.terms is not None:
        keys = sorted({key for term in wanted.terms for key in grams(term)})
    return (*sight, *wanted[:-1], keys, wanted.terms)


async def plan_for_each(tx: Connection) -> None:
    """Until the transaction ends, plan each statement for the parameters that it is given."""
    await tx.execute(CUSTOM_PLAN)
