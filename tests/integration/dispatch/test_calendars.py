"""Calendars that are published while cases are open. No year of this pack is announced: every working deadline is a
guess, whatever the day on which the test runs.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.dispatch import wiring
from services.dispatch.commands.mark_due import mark_due
from services.dispatch.commands.publish_calendar import (
    AnotherPack,
    OutsideTheCity,
    VersionTaken,
    load_calendars,
    publications,
    publish_calendar,
)
from services.dispatch.commands.recount_cases import recount_cases
from services.dispatch.domain.worktime import Limit, Unit, due
from services.dispatch.wiring import Wired, wire
from services.dispatch.worker import recount_job
from shared.bus.opening import open_carrier
from shared.contracts import dispatch as contract
from shared.kernel.area import AreaPath
from shared.packs import Pack, load
from shared.packs.calendars import Announced, BadCalendar
from shared.packs.model import AreaRules, Text
from tests.integration.dispatch.conftest import City, eventually
from tests.integration.dispatch.passing import let_pass

CITY = AreaPath.root()
SUBURB = AreaPath("110108.026")
DAY = timedelta(days=1)


def unannounced() -> Pack:
    """Haidian before anybody announced anything; its suburb has later hours, and two hours for a check."""
    pack = load("haidian")
    calendar = pack.calendar.model_copy(update={"published": frozenset(), "holidays": {}, "workdays": {}})
    later = [slot.model_copy(update={"start": slot.start.replace(minute=30)}) for slot in pack.calendar.slots]
    own = calendar.model_copy(update={"version": "suburb-1", "slots": tuple(later)})
    check = pack.stage_limits.check.model_copy(update={"amount": 120})
    limits = AreaRules().stage_limits.model_copy(update={"check": check})
    return pack.model_copy(
        update={"calendar": calendar, "areas": {SUBURB: AreaRules(calendar=own, stage_limits=limits)}}
    )


@pytest.fixture(autouse=True)
def pack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "load", lambda name: unannounced())


@pytest.fixture
async def city(pack: None, fresh_city: City) -> City:
    await load_calendars(fresh_city.wired)
    return fresh_city


@pytest.fixture
async def replica(city: City) -> AsyncIterator[Wired]:
    """Another process on the same database."""
    async with AsyncExitStack() as stack:
        carrier = open_carrier(city.wired.settings)
        stack.push_async_callback(carrier.close)
        other = await stack.enter_async_context(wire(city.wired.settings, carrier))
        await load_calendars(other)
        yield other


def announced(now: datetime, *off: int, version: str = "cn-new", years: int = 3) -> Announced:
    """The years around `now`, days off so many days after it."""
    first = now.astimezone(unannounced().zone).date()
    return Announced(
        version=version,
        source="a notice",
        published=frozenset(range(first.year - 1, first.year + years - 1)),
        holidays={first + days * DAY: Text(zh="放假", en="off") for days in off},
    )


async def now_of(city: City) -> datetime:
    now: datetime = await city.wired.pool.fetchval("SELECT now()")
    return now


async def waits(city: City, case: dict[str, Any]) -> int | None:
    found: int | None = await city.wired.pool.fetchval(
        "SELECT provisional_edition FROM dispatch.cases WHERE id = $1", UUID(case["id"])
    )
    return found


async def row(city: City, case: dict[str, Any]) -> Any:
    return await city.wired.pool.fetchrow(
        "SELECT c.*, k.due_at AS timer, k.step FROM dispatch.cases c LEFT JOIN dispatch.clocks k ON k.case_id = c.id"
        " WHERE c.id = $1",
        UUID(case["id"]),
    )


async def recounted(city: City, case: dict[str, Any]) -> list[contract.CaseRecomputed]:
    events = [e["data"] for e in await city.outbox(case["id"]) if e["type"] == contract.CaseRecomputed.TYPE]
    return [contract.CaseRecomputed.model_validate_json(data) for data in events]


async def test_a_published_year_moves_the_deadlines_that_rested_on_it(city: City, replica: Wired) -> None:
    case = await city.until("handling")
    assert case["clock"]["provisional"] is True
    assert await waits(city, case) == 2, "the city's own and the suburb's were published at the start"
    now = await now_of(city)
    done = await publish_calendar(city.wired, CITY, announced(now, *range(10)))
    assert (done.edition, done.new, done.waiting, done.behind) == (3, True, 1, [SUBURB])
    assert await recount_cases(replica) == 0, "the replica has not heard of it yet"
    await load_calendars(replica)
    assert await recount_cases(replica) == 1
    assert await recount_cases(replica) == 0
    assert await waits(city, case) is None

    (fact,) = await recounted(city, case)
    began = datetime.fromisoformat((await timeline(city, case))[3]["at"])
    expected = due(began, Limit(4, Unit.WORK_HOUR), replica.rules.calendar)
    assert fact.due_after == fact.due_at == expected
    assert fact.due_before == datetime.fromisoformat(case["due_at"])
    assert (fact.stage, fact.calendar, fact.taken_back) == ("handle", "cn-new", [])
    assert (fact.actor, fact.act, fact.revision) == ("system", "recompute", case["revision"])
    after = await row(city, case)
    assert after["due_at"] == expected
    assert after["step"] == "warn"
    assert datetime.fromisoformat(case["due_at"]) < after["timer"] < expected
    await load_calendars(city.wired)
    seen = await city.seen(case["id"])
    assert (seen["due_at"], seen["clock"]["provisional"]) == (expected.isoformat(), False)
    assert (await timeline(city, case))[-1]["act"] == "recompute"
    handled = await city.act(case, "report_handled", "unit_clerk", {"result": "done"})
    assert handled["version"] == fact.version + 1


async def timeline(city: City, case: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await city.http.get(f"/dispatch/v1/cases/{case['id']}/timeline", headers=city.headers("auditor"))
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_a_process_that_has_not_heard_of_it_is_put_right_afterwards(city: City, replica: Wired) -> None:
    """It dispatches by the old calendar after all others were counted again."""
    await publish_calendar(replica, CITY, announced(await now_of(city), *range(10)))
    await load_calendars(replica)
    assert await recount_cases(replica) == 0
    case = await city.until("handling")
    assert case["clock"]["provisional"] is True
    assert await recount_cases(replica) == 1
    assert len(await recounted(city, case)) == 1


async def test_a_new_case_is_counted_from_it_at_once(city: City) -> None:
    await publish_calendar(city.wired, CITY, announced(await now_of(city), *range(10)))
    await load_calendars(city.wired)
    case = await city.until("handling")
    assert case["clock"]["provisional"] is False
    assert await waits(city, case) is None
    assert datetime.fromisoformat(case["due_at"]) > await now_of(city) + 9 * DAY


async def test_a_correction_moves_nothing_that_was_counted_from_a_published_year(city: City) -> None:
    now = await now_of(city)
    await publish_calendar(city.wired, CITY, announced(now))
    await load_calendars(city.wired)
    case = await city.until("handling")
    done = await publish_calendar(city.wired, CITY, announced(now, *range(10), version="cn-corrected"))
    assert (done.new, done.waiting) == (True, 0)
    await load_calendars(city.wired)
    assert await recount_cases(city.wired) == 0
    assert (await city.seen(case["id"]))["due_at"] == case["due_at"]
    other = await city.until("handling")
    assert datetime.fromisoformat(other["due_at"]) > now + 9 * DAY


async def test_a_mark_that_rested_on_a_guess_is_taken_back(city: City) -> None:
    case = await city.until("handling")
    await let_pass(city, case, 20 * DAY)
    assert await mark_due(city.wired) == 1
    assert (await city.seen(case["id"]))["overdue"] is True
    await publish_calendar(city.wired, CITY, announced(await now_of(city), *range(-30, 10)))
    await load_calendars(city.wired)
    assert await recount_cases(city.wired) == 1
    (fact,) = await recounted(city, case)
    assert (fact.overdue, fact.taken_back) == (False, ["warn", "overdue", "at_200"])
    seen = await city.seen(case["id"])
    assert (seen["overdue"], seen["clock"]["warned"]) == (False, False)
    after = await row(city, case)
    assert (after["step"], after["timer"] > await now_of(city)) == ("warn", True)
    assert await mark_due(city.wired) == 0


async def test_a_deadline_that_moves_into_the_past_is_marked_at_the_next_look(city: City) -> None:
    """It turns out that people work around the clock, so that working hours are as short as any."""
    case = await city.until("handling")
    since = await now_of(city) - 3 * 3600 * timedelta(seconds=1)
    await let_pass(city, case, timedelta(hours=3))
    notice = announced(await now_of(city)).model_dump(mode="json")
    always = Announced.model_validate_json(
        Announced.model_validate(
            notice | {"slots": [{"start": "00:00", "end": "24:00"}], "weekdays": list(range(1, 8))}, strict=False
        ).model_dump_json()
    )
    await publish_calendar(city.wired, CITY, always)
    await load_calendars(city.wired)
    assert await recount_cases(city.wired) == 1
    (fact,) = await recounted(city, case)
    assert fact.overdue is False
    assert since + timedelta(hours=4) - fact.due_after < timedelta(minutes=1)
    await let_pass(city, case, timedelta(hours=2))
    assert await mark_due(city.wired) == 1
    assert (await city.seen(case["id"]))["overdue"] is True


async def test_it_is_done_in_batches_and_goes_on_where_it_was_ended(city: City, replica: Wired) -> None:
    for _ in range(3):
        await city.until("handling")
    ids = [r["id"] for r in await city.wired.pool.fetch("SELECT id FROM dispatch.cases WHERE status = 'handling'")]
    closed = await city.until("closed")
    await publish_calendar(replica, CITY, announced(await now_of(city), *range(10)))
    await load_calendars(replica)
    small = replica.settings.model_copy(update={"clock_batch": 1})
    object.__setattr__(replica, "settings", small)
    assert await recount_cases(replica) == 1
    object.__setattr__(replica, "outbox", Broken())
    with pytest.raises(ConnectionError):
        await recount_cases(replica)
    object.__setattr__(replica, "outbox", city.wired.outbox)
    stop = asyncio.Event()
    job = asyncio.create_task(recount_job(replica).run(stop))

    async def done() -> bool:
        return not await replica.pool.fetchval(
            "SELECT count(*) FROM dispatch.cases WHERE provisional_edition < 3 AND status = 'handling'"
        )

    await eventually(done)
    stop.set()
    await job
    for case_id in ids:
        assert len(await recounted(city, {"id": str(case_id)})) == 1
    assert await recounted(city, closed) == [], "what is closed stays as it was"


class Broken:
    """An outbox whose database goes away before the commit."""

    async def add(self, *anything: object) -> None:
        raise ConnectionError("gone")


async def test_several_at_once_count_each_case_once_while_people_act(city: City, replica: Wired) -> None:
    cases = [await city.until("handling") for _ in range(8)]
    await publish_calendar(replica, CITY, announced(await now_of(city), *range(10)))
    await load_calendars(replica)
    await load_calendars(city.wired)
    acts = (city.act(case, "report_handled", "unit_clerk", {"result": "done"}) for case in cases[:4])
    await asyncio.gather(*acts, *(recount_cases(wired) for wired in (replica, city.wired) for _ in range(3)))
    while await recount_cases(replica):
        pass
    for case in cases:
        assert len(await recounted(city, case)) == 1
        versions = [item["version"] for item in await timeline(city, case)]
        assert versions == list(range(1, len(versions) + 1))


async def test_a_case_that_somebody_holds_is_counted_afterwards(city: City) -> None:
    case = await city.until("handling")
    await publish_calendar(city.wired, CITY, announced(await now_of(city), *range(10)))
    await load_calendars(city.wired)
    async with city.wired.pool.acquire() as holder, holder.transaction():
        await holder.execute("SELECT FROM dispatch.cases WHERE id = $1 FOR UPDATE", UUID(case["id"]))
        assert await recount_cases(city.wired) == 0
    assert await recount_cases(city.wired) == 1


async def test_a_part_of_the_city_has_its_own_calendar_and_limits(city: City) -> None:
    """The longest prefix counts: later hours in the suburb, and four times as long for a check."""
    urban = await city.until("checking")
    assert urban["clock"]["limit_s"] == 1800
    suburban = await city.case(routing_key=f"{SUBURB}.001.001")
    path: tuple[tuple[str, str, dict[str, str]], ...] = (
        ("accept", "acceptor", {}),
        ("file", "shift_leader", {"condition": "damaged"}),
        ("dispatch", "dispatcher", {"unit": "drainage"}),
        ("take", "unit_clerk", {}),
    )
    for act, post, body in path:
        suburban = await city.act(suburban, act, post, body)
    assert (await row(city, suburban))["clocks"]["handle"]["calendar"] == "suburb-1"
    now = await now_of(city)
    done = await publish_calendar(city.wired, SUBURB, announced(now, *range(10), version="suburb-2"))
    assert (done.edition, done.behind) == (3, [])
    await load_calendars(city.wired)
    assert await recount_cases(city.wired) == 2
    (fact,) = await recounted(city, suburban)
    assert fact.calendar == "suburb-2"
    began = datetime.fromisoformat((await timeline(city, suburban))[3]["at"])
    local = city.wired.rules.for_area(f"{SUBURB}.001.001")
    assert [slot.start for slot in local.calendar.slots] == [510, 870]
    assert fact.due_after == due(began, Limit(4, Unit.WORK_HOUR), local.calendar)
    assert await recounted(city, urban) == [], "elsewhere the year is still a guess"
    assert await waits(city, urban) == 3
    for act, post, body in (("report_handled", "unit_clerk", {"result": "x"}), ("request_check", "acceptor", {})):
        suburban = await city.act(suburban, act, post, body)
    assert suburban["clock"]["limit_s"] == 7200


async def test_a_row_of_an_older_program_is_looked_at_once(city: City) -> None:
    case = await city.until("handling")
    pool = city.wired.pool
    clocks = (await row(city, case))["clocks"]
    for clock in clocks.values():
        for name in ("calendar", "edition", "spells"):
            clock.pop(name, None)
    await pool.execute(
        "UPDATE dispatch.cases SET clocks = $2, provisional_edition = 0 WHERE id = $1", UUID(case["id"]), clocks
    )
    assert await recount_cases(city.wired) == 1
    assert await recounted(city, case) == []
    assert await waits(city, case) == 2, "it is known now that its year is a guess"
    await publish_calendar(city.wired, CITY, announced(await now_of(city), *range(10)))
    await load_calendars(city.wired)
    assert await recount_cases(city.wired) == 1
    assert len(await recounted(city, case)) == 1


async def test_publishing_again_changes_nothing_and_a_version_is_one_calendar(city: City) -> None:
    notice = announced(await now_of(city), 5)
    first = await publish_calendar(city.wired, AreaPath("110108"), notice)
    assert (first.edition, first.new) == (3, True)
    again = await publish_calendar(city.wired, CITY, notice)
    assert (again.edition, again.new) == (3, False), "the city's own area is the whole city"
    with pytest.raises(VersionTaken):
        await publish_calendar(city.wired, CITY, announced(await now_of(city), 6))
    with pytest.raises(VersionTaken):
        await publish_calendar(city.wired, SUBURB, notice)
    with pytest.raises(OutsideTheCity):
        await publish_calendar(city.wired, AreaPath("110109"), notice)
    shown = await publications(city.wired)
    assert [(one.edition, one.area, one.version) for one in shown] == [
        (1, "", "cn-2026-1"),
        (2, SUBURB, "suburb-1"),
        (3, "", "cn-new"),
    ]
    assert shown[2].years == sorted(notice.published)


async def test_many_publish_at_once_and_editions_have_no_gap(city: City, replica: Wired) -> None:
    now = await now_of(city)
    notices = [announced(now, n, version=f"cn-{n}") for n in range(6)]
    done = await asyncio.gather(
        *(publish_calendar(w, CITY, n) for n, w in zip(notices, [city.wired, replica] * 3, strict=True))
    )
    assert sorted(one.edition for one in done) == [3, 4, 5, 6, 7, 8]


async def test_a_day_of_a_year_that_is_not_announced_is_refused(city: City) -> None:
    notice = announced(await now_of(city)).model_copy(update={"workdays": {date(1999, 1, 2): Text(zh="班", en="w")}})
    with pytest.raises(BadCalendar, match="1999"):
        await publish_calendar(city.wired, CITY, notice)


async def test_another_packs_calendar_is_not_mixed_in(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "load", lambda name: load("nyc-311"))
    carrier = open_carrier(city.wired.settings)
    async with wire(city.wired.settings, carrier) as stranger:
        with pytest.raises(AnotherPack, match="WANGGE_PACK"):
            await publish_calendar(stranger, CITY, announced(await now_of(city)))
    await carrier.close()


async def test_a_pack_that_changes_a_calendar_under_its_old_version_is_not_ready(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = unannounced()
    changed = pack.calendar.model_copy(update={"published": frozenset({2026})})
    monkeypatch.setattr(wiring, "load", lambda name: pack.model_copy(update={"calendar": changed}))
    carrier = open_carrier(city.wired.settings)
    async with wire(city.wired.settings, carrier) as wired:
        assert "not read yet" in (await wired.readiness.ask())["calendars"]
        with pytest.raises(VersionTaken):
            await load_calendars(wired)
        assert "give what has changed a new version" in (await wired.readiness.ask())["calendars"]
    await carrier.close()
    assert (await city.wired.readiness.ask())["calendars"] == "ok"


async def test_a_new_pack_takes_no_published_year_away(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    now = await now_of(city)
    await publish_calendar(city.wired, CITY, announced(now, *range(10)))
    pack = unannounced()
    newer = pack.calendar.model_copy(update={"version": "cn-newer", "published": frozenset({2020})})
    monkeypatch.setattr(wiring, "load", lambda name: pack.model_copy(update={"calendar": newer}))
    carrier = open_carrier(city.wired.settings)
    async with wire(city.wired.settings, carrier) as wired:
        await load_calendars(wired)
        assert wired.rules.calendar.version == "cn-newer"
        assert now.year in wired.rules.calendar.published
        assert wired.in_force.edition == 4
        await load_calendars(city.wired)
        assert city.wired.rules.calendar.version == "cn-newer", "the last one is in force for older programs, too"
    await carrier.close()
