import pytest

from services.evaluation.incoming import UnreadableFact
from tests.integration.evaluation.conftest import Evaluation, records, shuffled_by_version
from tests.unit.evaluation.histories import TO_CLOSED, TO_DISPATCHED, History


async def kept(evaluation: Evaluation, history: History) -> list[int]:
    rows = await evaluation.wired.pool.fetch(
        "SELECT version FROM evaluation.facts WHERE case_id = $1 ORDER BY 1", history.case_id
    )
    return [row["version"] for row in rows]


async def test_redelivery_in_any_cut_changes_nothing(evaluation: Evaluation) -> None:
    histories = [History(f"{evaluation.area}.1.1.{n}").acts(*TO_CLOSED) for n in range(3)]
    facts = shuffled_by_version(histories)
    await evaluation.count(*facts)
    before = await evaluation.rows()
    for start in range(0, len(facts), 5):
        await evaluation.count(*facts[start : start + 9])
    await evaluation.count(*facts)
    assert await evaluation.rows() == before
    assert [await kept(evaluation, history) for history in histories] == [list(range(1, 10))] * 3


async def test_fact_by_fact_gives_what_one_batch_gives(evaluation: Evaluation) -> None:
    slow, fast = (History(f"{evaluation.area}.1.1.{n}").acts(*TO_CLOSED) for n in (1, 2))
    await evaluation.count(*records(fast))
    for record in records(slow):
        await evaluation.count(record)
    cards = await evaluation.cards(area=f"{evaluation.area}.1.1")
    one, two = (cards[f"{evaluation.area}.1.1.{n}"] for n in (1, 2))
    assert one["counters"] == two["counters"]


async def test_a_fact_of_a_type_of_tomorrow_is_kept_and_the_next_one_counts(evaluation: Evaluation) -> None:
    history = History(f"{evaluation.area}.1.1.1").acts(*TO_DISPATCHED, "mark_warned", "report_handled")
    type_, data = history.published[4]
    assert type_ == "case.warned.v1"
    history.published[4] = ("case.praised.v3", data)
    await evaluation.count(*records(history))
    assert await kept(evaluation, history) == [1, 2, 3, 4, 5, 6]
    assert (await evaluation.cards())[evaluation.area]["counters"]["dispose"] == 1


async def test_data_that_is_not_of_its_event_is_refused_and_nothing_is_counted(evaluation: Evaluation) -> None:
    history = History(f"{evaluation.area}.1.1.1").acts("open", "accept")
    first, second = records(history)
    with pytest.raises(UnreadableFact, match="version 1"):
        await evaluation.count(first, second._replace(data=first.data))
    assert await kept(evaluation, history) == []


async def test_area_names_follow_their_newest_version_and_outlive_retirement(evaluation: Evaluation) -> None:
    path = f"{evaluation.area}.9"
    await evaluation.define(evaluation.area, "海淀区")
    await evaluation.define(path, "新名", version=2)
    await evaluation.define(path, "旧名", version=1)
    assert {key: card["name"] for key, card in (await evaluation.cards()).items()} == {
        evaluation.area: "海淀区",
        path: "新名",
    }
    await evaluation.define(path, "", version=3, type_="area.retired.v1")
    assert list(await evaluation.cards()) == [evaluation.area]
    await evaluation.count(*records(History(path).acts(*TO_DISPATCHED)))
    assert (await evaluation.cards())[path]["name"] == "新名"
