from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.evaluation.domain.indicators import COUNTERS, RATES
from tests.integration.evaluation.conftest import Evaluation, records
from tests.unit.evaluation.histories import TO_CLOSED, TO_DISPATCHED, History

AGAIN = ("report_handled", "request_check", "fail", "order_rework", "report_handled", "request_check", "pass", "close")
OVERDUE = "2026-11-20T00:00:00Z"


async def a_district(evaluation: Evaluation) -> None:
    a = evaluation.area
    await evaluation.count(
        *records(
            History(f"{a}.1.1.1").acts(*TO_CLOSED),
            History(f"{a}.1.1.1", source="patrol").acts(*TO_DISPATCHED, *AGAIN),
            History(f"{a}.1.1.2").acts(*TO_DISPATCHED),
            History(f"{a}.1.2.1").acts(*TO_DISPATCHED)("report_handled", after=timedelta(days=3)),
            History(f"{a}.2.1.1").acts("open", "accept", "file")("dispatch", unit="water").acts("take", "suspend"),
            History(f"{a}.2.1.1").acts("open", "accept"),
        )
    )


async def test_a_card_has_every_counter_and_rate_by_its_name(evaluation: Evaluation) -> None:
    await a_district(evaluation)
    card = (await evaluation.cards(as_of=OVERDUE))[evaluation.area]
    assert set(card) >= {"object", "key", "name", "period", "as_of", "counters", "rates"}
    assert (card["object"], card["key"], card["period"]) == ("region", evaluation.area, "2026-11")
    assert datetime.fromisoformat(card["as_of"]) == datetime.fromisoformat(OVERDUE)
    assert list(card["counters"]) == [c.name for c in COUNTERS]
    assert list(card["rates"]) == [r.name for r in RATES]
    c = card["counters"]
    assert (c["inst"], c["need_dispose"], c["dispose"], c["to_dispose"], c["hang"]) == (5, 4, 3, 1, 1)
    assert (c["need_archive"], c["archive"], c["rework"], c["to_inst"]) == (4, 2, 1, 0)
    assert card["rates"]["dispose_rate"] == 75
    assert card["rates"]["dispose_ontime_rate"] == 50
    assert card["rates"]["archive_rate"] == 50
    assert card["rates"]["rework_rate"] == pytest.approx(100 / 3)


async def test_an_area_comes_first_and_then_those_directly_below(evaluation: Evaluation) -> None:
    await a_district(evaluation)
    a = evaluation.area
    await evaluation.define(f"{a}.3", "第三街道")
    assert list(await evaluation.cards()) == [a, f"{a}.1", f"{a}.2", f"{a}.3"]
    assert list(await evaluation.cards(area=f"{a}.1.1")) == [f"{a}.1.1", f"{a}.1.1.1", f"{a}.1.1.2"]
    assert list(await evaluation.cards(area=f"{a}.1.1.1")) == [f"{a}.1.1.1"]
    assert list(await evaluation.cards(children="false")) == [a]
    quiet = (await evaluation.cards())[f"{a}.3"]
    assert quiet["name"] == "第三街道"
    assert set(quiet["counters"].values()) == {0}
    assert set(quiet["rates"].values()) == {None}


async def test_a_segment_is_whole_or_not_at_all(evaluation: Evaluation) -> None:
    a = evaluation.area
    await evaluation.count(*records(History(f"{a}.01.1.1").acts(*TO_CLOSED), History(f"{a}.012.1.1").acts(*TO_CLOSED)))
    assert (await evaluation.cards(area=f"{a}.01"))[f"{a}.01"]["counters"]["inst"] == 1


async def test_grids_add_up_to_communities_streets_and_the_district(evaluation: Evaluation) -> None:
    await a_district(evaluation)

    async def adds_up(area: str, levels: int) -> None:
        cards = await evaluation.cards(area=area, as_of=OVERDUE)
        own = cards.pop(area)["counters"]
        assert own == {name: sum(card["counters"][name] for card in cards.values()) for name in own}
        for below in cards if levels > 1 else ():
            await adds_up(below, levels - 1)

    await adds_up(evaluation.area, 3)


async def test_a_region_may_be_seen_by_one_unit(evaluation: Evaluation) -> None:
    await a_district(evaluation)
    assert (await evaluation.cards(unit="water"))[evaluation.area]["counters"]["inst"] == 1


async def test_an_open_case_is_due_or_overdue_by_as_of(evaluation: Evaluation) -> None:
    history = History(f"{evaluation.area}.1.1.1").acts(*TO_DISPATCHED)
    await evaluation.count(*records(history))
    assert history.due_at is not None
    for instant, overdue in ((history.due_at, 0), (history.due_at + timedelta(seconds=1), 1)):
        # A plus sign that nobody escaped arrives as a blank.
        local = instant.astimezone(UTC).isoformat().replace("+", " ")
        card = (await evaluation.cards(as_of=local))[evaluation.area]
        assert card["counters"]["overtime_to_dispose"] == card["counters"]["need_archive"] == overdue
        assert card["counters"]["intime_to_dispose"] == 1 - overdue
        assert card["rates"]["archive_rate"] == (0 if overdue else None)


async def test_a_case_is_of_the_period_it_was_filed_in_where_the_city_is(evaluation: Evaluation) -> None:
    # Reported on 31 October at 23:50 in Shanghai, filed ten minutes later: at midnight, in November.
    start = datetime(2026, 10, 31, 15, 45, tzinfo=UTC)
    history = History(f"{evaluation.area}.1.1.1", start=start).acts("open", "accept", "file")
    await evaluation.count(*records(history))

    async def inst(**params: Any) -> int:
        return int((await evaluation.cards(**params))[evaluation.area]["counters"]["inst"])

    periods = ("2026", "2026-H2", "2026-Q4", "2026-11", "2026-11-01", "2026-W44")
    assert [await inst(period=period) for period in periods] == [1] * 6
    assert [await inst(period=period) for period in ("2025", "2026-H1", "2026-Q3", "2026-10", "2026-10-31")] == [0] * 5
    assert [await inst(period=period, cohort="reported") for period in ("2026-10", "2026-11")] == [1, 0]


async def test_of_the_reported_the_filing_rate_tells_how_many_were_filed(evaluation: Evaluation) -> None:
    await a_district(evaluation)
    card = (await evaluation.cards(cohort="reported"))[evaluation.area]
    assert (card["counters"]["report"], card["counters"]["to_inst"]) == (6, 1)
    assert card["rates"]["filing_rate"] == pytest.approx(500 / 6)


async def test_units_are_listed_with_what_was_theirs(evaluation: Evaluation) -> None:
    await a_district(evaluation)
    cards = await evaluation.cards(object="unit", limit=500)
    assert cards["sanitation"]["counters"]["inst"] == 4
    assert cards["water"]["counters"]["hang"] == 1
    assert list(cards) == sorted(cards)
    only = await evaluation.cards(object="unit", unit="water")
    assert list(only) == ["water"]
    known = next(iter(evaluation.wired.pack.units.values()))
    (idle,) = (await evaluation.cards(object="unit", unit=known.code, period="2001")).values()
    assert (idle["name"], idle["rates"]["dispose_rate"]) == (known.name.zh, None)


async def test_posts_are_measured_by_what_they_did(evaluation: Evaluation) -> None:
    await a_district(evaluation)
    cards = await evaluation.cards(object="post")
    assert cards["acceptor"]["name"].startswith("受理员")
    assert cards["acceptor"]["counters"]["operate"] == 5
    assert cards["supervisor"]["counters"]["check"] == 2
    assert cards["supervisor"]["rates"]["check_ontime_rate"] == 100
    assert cards["dispatcher"]["counters"]["dispatch"] == 5
    assert cards["grid_worker"]["rates"]["verify_ontime_rate"] is None
    assert "to_dispose" not in cards["dispatcher"]["counters"]


async def test_an_asked_post_is_followed_by_the_people_in_it(evaluation: Evaluation) -> None:
    a = evaluation.area
    li = History(f"{a}.1.1.1")("open")("accept", actor="staff:li")
    wang = History(f"{a}.1.1.1")("open")("accept", actor="staff:wang", used_s=901)
    await evaluation.count(*records(li("file", actor="staff:li"), wang("file", actor="staff:zhao")))
    cards = await evaluation.cards(object="post", post="acceptor")
    assert list(cards) == ["acceptor", "acceptor/staff:li", "acceptor/staff:wang"]
    assert [card["counters"]["intime_operate"] for card in cards.values()] == [1, 1, 0]


async def test_a_list_is_read_page_by_page(evaluation: Evaluation) -> None:
    a = evaluation.area
    await evaluation.count(*records(*(History(f"{a}.{n}.1.1").acts(*TO_DISPATCHED) for n in range(10, 17))))
    keys: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = (await evaluation.ask(object="region", period="2026-11", limit=3, **cursor)).json()
        keys += [card["key"] for card in answer["items"]]
        if answer["next"] is None:
            break
        cursor = {"cursor": answer["next"]}
    assert keys == [a, *(f"{a}.{n}" for n in range(10, 17))]


async def test_without_a_period_it_is_this_month_and_without_an_area_the_callers(evaluation: Evaluation) -> None:
    await evaluation.define(evaluation.area, "区")
    (card,) = (await evaluation.ask(object="region")).json()["items"]
    assert (card["key"], card["name"]) == (evaluation.area, "区")
    assert card["period"] == datetime.now(evaluation.wired.pack.zone).strftime("%Y-%m")


async def test_the_whole_city_is_the_root(evaluation: Evaluation) -> None:
    await evaluation.count(*records(History(f"{evaluation.area}.1.1.1").acts(*TO_DISPATCHED)))
    whole, *districts = (await evaluation.ask(within="", object="region", period="2026-11", limit=500)).json()["items"]
    assert (whole["key"], whole["name"]) == ("", evaluation.wired.pack.title.zh)
    assert evaluation.area in {card["key"] for card in districts}
    assert whole["counters"]["inst"] == sum(card["counters"]["inst"] for card in districts)


async def test_indicators_are_explained(evaluation: Evaluation) -> None:
    found = (await evaluation.ask("indicators", by="auditor")).json()
    assert [c["name"] for c in found["counters"]] == [c.name for c in COUNTERS]
    assert next(r for r in found["rates"] if r["name"] == "dispose_rate")["denominator"] == ["need_dispose"]
