"""Sums over the wide rows: one statement a card list, over one range of an index.

Parameters of all: $1 and $2 the period, $3 the area, $4 as_of, $5 the unit or null; $6 the post or null.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from services.evaluation.domain.case_count import STEPS
from services.evaluation.domain.indicators import COUNTERS, STEP_OF
from services.evaluation.domain.period import Cohort, Period
from shared.kernel.area import prefix_sql
from shared.postgres import Connection

_AS_OF = {
    "intime_to_dispose": "to_dispose = 1 AND (due_at IS NULL OR due_at >= $4)",
    "overtime_to_dispose": "to_dispose = 1 AND due_at < $4",
    "stock": "suspended_at < $4 - interval '60 days'",
}


def _sum(name: str, kind: str, only: str = "") -> str:
    if kind == "as_of":
        return f'count(*) FILTER (WHERE {_AS_OF[name]}) AS "{name}"'
    return f'coalesce(sum("{name}"){only}, 0) AS "{name}"'


_SUMS = ",\n       ".join(_sum(c.name, c.kind) for c in COUNTERS if c.kind != "sum")
_OWN_SUMS = ", ".join(_sum(name, "stored") for name in STEP_OF)
_STEP_SUMS = ",\n       ".join(
    _sum(name, "stored", f" FILTER (WHERE step = '{step}')") for name, step in STEP_OF.items()
)
_STEPS = ", ".join(f"('{step}', {step}_post, {step}_by)" for step in STEPS)
_DOERS = ", ".join(f"{step}_post, CASE WHEN $6::text IS NOT NULL THEN {step}_by END AS {step}_by" for step in STEPS)
_INSTANT: Mapping[Cohort, str] = {"filed": "filed_at", "reported": "opened_at"}


def _cohort(cohort: Cohort) -> str:
    at = _INSTANT[cohort]
    # The range before the exact rule is what an index can walk: with it a grid's year of a million cases takes 8 ms,
    # with the rule alone 2 s. ('~' sorts after all that a path may hold.) $4 has a type also where nothing needs it.
    return f"""{at} >= $1 AND {at} < $2
       AND routing_key >= $3 AND routing_key < CASE WHEN $3 = '' THEN '~' ELSE $3 || '/' END
       AND {prefix_sql("routing_key", "$3")}
       AND $4::timestamptz IS NOT NULL AND ($5::text IS NULL OR unit = $5)"""


# The segment below the area tells the child; a case that lies in the area itself has none.
def _of_areas(cohort: Cohort) -> str:
    return f"""
SELECT nullif(split_part(substr(routing_key, CASE WHEN $3 = '' THEN 1 ELSE length($3) + 2 END), '.', 1), '') AS key,
       NULL AS person,
       {_SUMS}
  FROM evaluation.cases WHERE {_cohort(cohort)}
 GROUP BY 1
"""


def _of_units(cohort: Cohort) -> str:
    return f"""
SELECT unit AS key, NULL AS person,
       {_SUMS}
  FROM evaluation.cases WHERE {_cohort(cohort)} AND unit IS NOT NULL
 GROUP BY unit
"""


# Summed first by who did what, and only then taken apart into posts: a few hundred rows instead of ten times the cases.
def _of_posts(cohort: Cohort) -> str:
    return f"""
SELECT post AS key, person,
       {_STEP_SUMS}
  FROM (SELECT {_DOERS},
               {_OWN_SUMS}
          FROM evaluation.cases WHERE {_cohort(cohort)}
         GROUP BY {", ".join(str(n) for n in range(1, 2 * len(STEPS) + 1))}) cases
 CROSS JOIN LATERAL (VALUES {_STEPS}) done (step, post, person)
 WHERE post IS NOT NULL AND ($6::text IS NULL OR post = $6)
 GROUP BY post, person
"""


AREAS_OF_FILED = _of_areas("filed")
AREAS_OF_REPORTED = _of_areas("reported")
UNITS_OF_FILED = _of_units("filed")
UNITS_OF_REPORTED = _of_units("reported")
POSTS_OF_FILED = _of_posts("filed")
POSTS_OF_REPORTED = _of_posts("reported")
_STATEMENTS: Mapping[tuple[str, Cohort], str] = {
    ("region", "filed"): AREAS_OF_FILED,
    ("region", "reported"): AREAS_OF_REPORTED,
    ("unit", "filed"): UNITS_OF_FILED,
    ("unit", "reported"): UNITS_OF_REPORTED,
    ("post", "filed"): POSTS_OF_FILED,
    ("post", "reported"): POSTS_OF_REPORTED,
}


COUNTED = tuple(c.name for c in COUNTERS if c.kind != "sum")
COUNTED_OF_A_POST = tuple(STEP_OF)


class Sums(NamedTuple):
    """One group's sums: an area's child (None: what lies in the area itself), a unit, or a post and a person in it."""

    key: str | None
    person: str | None
    counters: dict[str, int]


async def plan_each_time(tx: Connection) -> None:
    """For this transaction. A grid's year and a district's want different plans: the general one, which PostgreSQL
    settles on after five executions, took 7.5 s instead of 3 s for the year of a million cases.
    """
    await tx.execute("SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL work_mem = '16MB'")


async def sums(
    tx: Connection,
    kind: Literal["region", "unit", "post"],
    cohort: Cohort,
    *,
    period: Period,
    area: str,
    as_of: datetime,
    unit: str | None,
    post: str | None = None,
) -> list[Sums]:
    """The sums of every group that has a case. Persons are told apart where a post is asked for."""
    arguments = [period.start, period.end, area, as_of, unit]
    if kind == "post":
        arguments.append(post)
    rows = await tx.fetch(_STATEMENTS[kind, cohort], *arguments)
    found = []
    for row in rows:
        (_, key), (_, person), *numbers = row.items()
        found.append(Sums(key, person, {name: int(number) for name, number in numbers}))
    return found
