import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.evaluation.commands.rebuild import MissingVersion, rebuild
from services.evaluation.domain.case_count import CaseCount
from services.evaluation.domain.counting import fold
from shared.postgres import transaction
from tests.integration.evaluation.conftest import Evaluation, records, shuffled_by_version
from tests.unit.evaluation.histories import TO_CLOSED, TO_DISPATCHED, History, histories


async def a_city(evaluation: Evaluation) -> list[History]:
    again = (
        "report_handled",
        "request_check",
        "fail",
        "order_rework",
        "report_handled",
        "request_check",
        "pass",
        "close",
    )
    made = [
        History(f"{evaluation.area}.1.1.1").acts(*TO_CLOSED),
        History(f"{evaluation.area}.1.1.2").acts(*TO_DISPATCHED, "take", "suspend", "resume", "report_handled"),
        History(f"{evaluation.area}.1.2.1", source="patrol").acts(*TO_DISPATCHED, *again),
        History(f"{evaluation.area}.2.1.1").acts("open", "request_verification", "answer_verification", "decline"),
        History(f"{evaluation.area}.2.1.2").acts(*TO_DISPATCHED, "return")("dispatch", unit="water"),
    ]
    await evaluation.count(*shuffled_by_version(made))
    return made


async def test_a_rebuild_gives_identical_rows_and_writes_none(alone: Evaluation) -> None:
    made = await a_city(alone)
    before = await alone.rows()
    stamps = await alone.wired.pool.fetch("SELECT xmin::text FROM evaluation.cases ORDER BY case_id")
    heard: list[tuple[int, int]] = []
    rebuilt = await rebuild(alone.wired.pool, told=lambda done, of: heard.append((done, of)))
    facts = sum(len(history.published) for history in made)
    assert rebuilt == (facts, len(made), 0)
    assert heard[-1] == (facts, facts)
    assert await alone.rows() == before
    assert await alone.wired.pool.fetch("SELECT xmin::text FROM evaluation.cases ORDER BY case_id") == stamps


async def test_a_row_that_was_tampered_with_is_put_right(alone: Evaluation) -> None:
    made = await a_city(alone)
    before = await alone.rows()
    pool = alone.wired.pool
    await pool.execute('UPDATE evaluation.cases SET rework = 0, "check" = 0 WHERE case_id = $1', made[2].case_id)
    await pool.execute("DELETE FROM evaluation.cases WHERE case_id = $1", made[0].case_id)
    assert (await rebuild(pool)).repaired == 2
    assert await alone.rows() == before


async def test_rows_are_what_the_fold_of_the_kept_facts_says(alone: Evaluation) -> None:
    made = await a_city(alone)
    folded = sorted(tuple(fold(CaseCount(h.case_id), h.facts)) for h in made)
    assert sorted(await alone.rows()) == folded


@pytest.mark.parametrize("version", [1, 4, 9])
async def test_a_missing_version_is_refused_by_its_name_and_nothing_changes(alone: Evaluation, version: int) -> None:
    made = await a_city(alone)
    pool, gone = alone.wired.pool, made[0].case_id
    await pool.execute("DELETE FROM evaluation.facts WHERE case_id = $1 AND version = $2", gone, version)
    await pool.execute("UPDATE evaluation.cases SET rework = 7 WHERE case_id = $1", made[2].case_id)
    before = await alone.rows()
    with pytest.raises(MissingVersion) as refusal:
        await rebuild(pool)
    assert refusal.value.facts == {"case": str(gone), "version": version}
    assert await alone.rows() == before


async def test_a_record_that_an_operator_dropped_may_be_missing_when_that_is_said(alone: Evaluation) -> None:
    history = History(f"{alone.area}.1.1.1").acts(*TO_DISPATCHED, "mark_warned", "report_handled")
    await alone.count(*[record for record in records(history) if record.sequence != 5])
    before = await alone.rows()
    with pytest.raises(MissingVersion):
        await rebuild(alone.wired.pool)
    assert (await rebuild(alone.wired.pool, allow_missing=True)).repaired == 0
    assert await alone.rows() == before


async def test_counting_waits_while_rows_are_put_right(alone: Evaluation) -> None:
    made = await a_city(alone)
    late = History(f"{alone.area}.1.1.1").acts(*TO_CLOSED)
    async with transaction(alone.wired.pool) as tx:
        await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('wangge.evaluation.cases', 0))")
        counting = asyncio.create_task(alone.count(*records(late)))
        await asyncio.sleep(0.2)
        assert not counting.done()
    await counting
    assert len(await alone.rows()) == len(made) + 1


async def test_an_empty_house_can_be_rebuilt(alone: Evaluation) -> None:
    assert await rebuild(alone.wired.pool) == (0, 0, 0)


async def test_whatever_happened_to_cases_a_rebuild_changes_nothing(alone: Evaluation) -> None:
    """Histories drawn by hypothesis, counted in drawn batches; drawn outside, since one database serves them all."""
    drawn: list[tuple[list[History], int]] = []

    @settings(max_examples=15, database=None)
    @given(st.lists(histories(), min_size=1, max_size=5), st.integers(1, 9))
    def draw(some: list[History], batch: int) -> None:
        drawn.append((some, batch))

    draw()
    for some, batch in drawn:
        facts = shuffled_by_version(some)
        for start in range(0, len(facts), batch):
            await alone.count(*facts[start : start + batch])
    assert (await rebuild(alone.wired.pool)).repaired == 0
