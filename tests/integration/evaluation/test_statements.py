import importlib
import pkgutil

import pytest

import services.evaluation.store
from services.evaluation.domain.as_of import counters_at
from services.evaluation.domain.case_count import CaseCount
from services.evaluation.domain.counting import fold
from services.evaluation.domain.indicators import AS_OF
from tests.integration.evaluation.conftest import Evaluation, records
from tests.unit.evaluation.histories import TO_DISPATCHED, History


def statements() -> list[tuple[str, str]]:
    found = []
    for module in pkgutil.iter_modules(services.evaluation.store.__path__, "services.evaluation.store."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if name.isupper() and isinstance(value, str) and not name.startswith("_") and not name.endswith("_PART"):
                found.append((f"{module.name}.{name}", value))
    return found


@pytest.mark.parametrize(
    ("name", "sql"), statements(), ids=lambda each: each if "." in each and " " not in each else ""
)
async def test_every_statement_is_one_that_postgres_can_prepare(evaluation: Evaluation, name: str, sql: str) -> None:
    async with evaluation.wired.pool.acquire() as connection:
        await connection.prepare(sql)


async def test_the_columns_are_the_fields_in_their_order(evaluation: Evaluation) -> None:
    rows = await evaluation.wired.pool.fetch(
        """SELECT column_name FROM information_schema.columns
            WHERE table_schema = 'evaluation' AND table_name = 'cases' ORDER BY ordinal_position"""
    )
    assert tuple(row["column_name"] for row in rows) == CaseCount._fields


async def test_no_counter_but_those_of_an_instant_changes_with_the_instant(evaluation: Evaluation) -> None:
    """The SQL and the domain say the same at every instant."""
    due = History(f"{evaluation.area}.1.1.1").acts(*TO_DISPATCHED)
    hung = History(f"{evaluation.area}.1.1.1").acts(*TO_DISPATCHED, "take", "suspend")
    closed = History(f"{evaluation.area}.1.1.1").acts(*TO_DISPATCHED, "report_handled")
    await evaluation.count(*records(due, hung, closed))
    counts = [fold(CaseCount(h.case_id), h.facts) for h in (due, hung, closed)]
    assert due.due_at is not None
    seen = set()
    for as_of in (due.due_at, due.due_at.replace(microsecond=1), due.due_at.replace(year=2027)):
        counters = (await evaluation.cards(as_of=as_of.isoformat()))[evaluation.area]["counters"]
        said = [counters_at(count, as_of) for count in counts]
        assert {name: counters[name] for name in said[0]} == {name: sum(s[name] for s in said) for name in said[0]}
        seen.add(tuple(counters[name] for name in AS_OF))
    assert len(seen) == 3
