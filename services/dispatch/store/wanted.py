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


def within_sql(column: str, parameter: str) -> str:
    """The prefix rule as something that no index serves, for what is read in another order.

    Ten times too few are expected of a street, for there are few steps of statistics between the areas; so its cases,
    44,000 of a million, were read beside the three hundred that wait.
    """
    return f"({parameter}::text = '' OR starts_with({column} || '.', {parameter}::text || '.'))"


_WITHIN = f"{prefix_sql('c.area', '$1')} AND {prefix_sql('c.area', '$4')}"
_WITHIN_IN_ORDER = f"{within_sql('c.area', '$1')} AND {within_sql('c.area', '$4')}"
_ASKED = f"""
       AND {SEEN_PART.format(unit="$2", categories="$3")}
       AND ($5::text[] IS NULL OR c.status = ANY ($5))
       AND ($6::text[] IS NULL OR c.category = ANY ($6))
       AND ($7::text IS NULL OR c.unit = $7)
       AND ($8::boolean IS NULL OR c.overdue = $8)
       AND ($9::boolean IS NULL OR c.warned = $9)
       AND ($10::text IS NULL OR c.source = $10)
       AND ($11::timestamptz IS NULL OR c.opened_at >= $11) AND ($12::timestamptz IS NULL OR c.opened_at < $12)
       AND ($13::timestamptz IS NULL OR c.due_at >= $13) AND ($14::timestamptz IS NULL OR c.due_at < $14)
       AND ($15::text IS NULL
            OR c.id = ANY (ARRAY (SELECT n.case_id FROM dispatch.case_words n WHERE n.number = $15)))"""
# The text decides.
_WORDS = "(SELECT bool_and(strpos(w.words, term) > 0) FROM unnest($17::text[]) AS term)"
_NO_WORDS = """
       AND ($16::int[], $17::text[]) IS NULL"""
# What the keys find, all of it before anything else: a planner that may join walks all cases, for it takes every text
# to have the words.
_GATHERED = f"""
       AND c.id = ANY (ARRAY (SELECT w.case_id FROM dispatch.case_words w WHERE w.grams @> $16::int[] AND {_WORDS}))"""
PARAMETERS = 17

# Words that more cases have are looked for by reading cases in the order of the list: a page is soon full, while the
# keys would bring all of them to be put in order (at 10⁵ cases, of which one in seven has the words: 60,000 pages).
# Words whose keys are common but which are not so themselves, as digits of a number, are left to the keys: half of the
# first that these bring must have the words.
COMMON = 2000
ARE_COMMON = f"""
    SELECT count(*) > {COMMON} AND count(*) FILTER (WHERE has) > {COMMON // 2}
      FROM (SELECT {_WORDS.replace("$17", "$2")} AS has
              FROM dispatch.case_words w WHERE w.grams @> $1::int[] LIMIT {COMMON + 1}) AS found
"""


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

    def with_statuses(self, statuses: Sequence[str]) -> "Wanted":
        """The same among `statuses` alone."""
        asked = self.statuses
        return self._replace(statuses=[s for s in statuses if asked is None or s in asked])


class Forms(NamedTuple):
    """A statement over the cases alone; over those that the keys of the words bring; over all, each compared."""

    plain: str
    gathered: str
    walked: str


def forms(template: str, *, in_order: bool = False) -> Forms:
    """`template` with {cases} and {matching} filled in; further braces are doubled. `in_order`: it is read from an
    index in the order that is wanted, and no further than a page.
    """
    matching = (_WITHIN_IN_ORDER if in_order else _WITHIN) + _ASKED
    return Forms(
        template.format(cases="dispatch.cases c", matching=matching + _NO_WORDS),
        template.format(cases="dispatch.cases c", matching=matching + _GATHERED),
        template.format(
            cases="dispatch.cases c JOIN dispatch.case_words w ON w.case_id = c.id",
            matching=f"{matching} AND $16::int[] IS NULL AND {_WORDS}",
        ),
    )


async def prepared(tx: Connection, sight: Sight, wanted: Wanted, statement: Forms) -> tuple[str, tuple[Any, ...]]:
    """The form of `statement` that serves, and its first seventeen parameters; until the transaction ends, each
    statement is planned for those that it is given.
    """
    await plan_for_each(tx)
    given = (*sight, *wanted[:-1])
    if wanted.terms is None:
        return statement.plain, (*given, None, None)
    keys = sorted({key for term in wanted.terms for key in grams(term)})
    if await tx.fetchval(ARE_COMMON, keys, wanted.terms):
        return statement.walked, (*given, None, wanted.terms)
    return statement.gathered, (*given, keys, wanted.terms)


async def plan_for_each(tx: Connection) -> None:
    """Until the transaction ends, plan each statement for the parameters that it is given."""
    await tx.execute(CUSTOM_PLAN)
