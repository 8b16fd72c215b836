"""Units, persons and rosters on a real database: imports, history, and what they mean for acts and desks."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.dispatch.commands.import_people import import_people
from services.dispatch.commands.import_roster import import_roster
from services.dispatch.commands.import_units import Imported, import_units
from services.dispatch.domain.register import ImportRefused, StillHolding
from services.dispatch.live import LiveUnits, register_jobs
from services.dispatch.sheets import read_persons, read_roster, read_units
from shared.jobs import supervise
from shared.kernel.area import AreaPath
from shared.kernel.clock import utc_now
from shared.kernel.ids import uuid7
from tests.integration.dispatch.conftest import City, eventually

CLOCK_APART = timedelta(milliseconds=50)


def sheet(rows: list[dict[str, Any]]) -> bytes:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [",".join(str(row.get(column, "")) for column in columns) for row in rows]
    return "\n".join([",".join(columns), *lines, ""]).encode()


def unit(code: str, **more: Any) -> dict[str, Any]:
    names = {"name_zh": "抢修队", "name_en": "Repair team"}
    return {"code": code, **names, "dept": "drainage", "area": "110108", **more}


def person(subject: str, post: str = "grid_worker", **more: Any) -> dict[str, Any]:
    return {"subject": subject, "name": "王", "post": post, "area": "110108", **more}


async def units(city: City, *rows: dict[str, Any], **options: Any) -> Imported:
    done = await import_units(city.wired, read_units(sheet([*rows]), city.wired.rules.calendar.zone), **options)
    await city.wired.units.projection.refresh(city.wired.pool)
    return done


async def people(city: City, *rows: dict[str, Any], **options: Any) -> Imported:
    done = await import_people(city.wired, read_persons(sheet([*rows]), city.wired.rules.calendar.zone), **options)
    await city.wired.duty.projection.refresh(city.wired.pool)
    return done


async def duties(city: City, *rows: dict[str, Any], **options: Any) -> Imported:
    done = await import_roster(city.wired, read_roster(sheet([*rows])), **options)
    await city.wired.duty.projection.refresh(city.wired.pool)
    return done


async def get(city: City, path: str, post: str = "dispatcher", **more: Any) -> Any:
    answer = await city.http.get(f"/dispatch/v1/{path}", headers=city.headers(post, **more))
    assert answer.status_code == 200, answer.text
    return answer.json()


def fresh(word: str) -> str:
    return f"{word}-{uuid7().hex[-12:]}"


@pytest.fixture
async def filed(own_city: City) -> dict[str, Any]:
    return await own_city.until("filed")


async def test_an_imported_unit_can_be_dispatched_to_and_a_dissolved_one_cannot(
    own_city: City, filed: dict[str, Any]
) -> None:
    code = fresh("repair")
    refused = await own_city.try_act(filed, "dispatch", "dispatcher", {"unit": code})
    assert refused.json()["type"] == "/problems/unknown-unit"
    assert (await units(own_city, unit(code)))[:3] == (1, 0, 0)
    case = await own_city.act(filed, "dispatch", "dispatcher", {"unit": code})
    assert case["unit"] == code
    other = await own_city.until("filed")
    assert (await units(own_city, unit(code, valid_until=utc_now().isoformat()), keep=True)).left == {code: 1}
    refused = await own_city.try_act(other, "dispatch", "dispatcher", {"unit": code})
    assert refused.json()["type"] == "/problems/unknown-unit"


async def test_every_replica_follows_by_itself_within_two_seconds(own_city: City) -> None:
    pool, code = own_city.wired.pool, fresh("repair")
    replica = LiveUnits(own_city.wired.pack.units.values())
    stop = asyncio.Event()
    jobs = asyncio.create_task(supervise(register_jobs(replica, own_city.wired.duty, pool), stop))
    try:
        await eventually(lambda: _now("drainage" in replica))
        await units(own_city, unit(code))
        await eventually(lambda: _now(code in replica), seconds=2)
        # Something that was recorded to end ends by itself, with nothing written at that moment.
        ends = utc_now() + timedelta(seconds=0.7)
        await units(own_city, unit(code, valid_until=ends.isoformat()))
        await eventually(lambda: _now(utc_now() > ends - timedelta(seconds=0.4)))
        assert code in replica
        await eventually(lambda: _now(code not in replica), seconds=2)
        assert utc_now() >= ends - CLOCK_APART
    finally:
        stop.set()
        await jobs


async def _now(value: bool) -> bool:
    return value


async def test_a_unit_with_open_cases_is_not_dissolved_unless_somebody_follows_or_they_are_kept(own_city: City) -> None:
    code, heir = fresh("repair"), fresh("heir")
    await units(own_city, unit(code), unit(heir))
    case = await own_city.act(await own_city.until("filed"), "dispatch", "dispatcher", {"unit": code})
    now = utc_now().isoformat()
    with pytest.raises(StillHolding, match=f"{code} still has 1 open cases.*{case['number']}.*--successor"):
        await units(own_city, unit(code, valid_until=now))
    another = fresh("repair")
    await units(own_city, unit(another))
    await own_city.act(await own_city.until("filed"), "dispatch", "dispatcher", {"unit": another})
    now = utc_now().isoformat()
    with pytest.raises(StillHolding, match="cannot be dissolved, and neither can"):
        await units(own_city, unit(code, valid_until=now), unit(another, valid_until=now))
    assert code in own_city.wired.units
    with pytest.raises(ImportRefused, match="successor"):
        await units(own_city, unit(code, valid_until=now), successor="nowhere")
    with pytest.raises(ImportRefused, match="successor"):
        await units(own_city, unit(code, valid_until=now), successor=code)

    done = await units(own_city, unit(code, valid_until=now), successor=heir)
    assert done.left == {code: 1}
    assert code not in own_city.wired.units
    left = await get(own_city, "units?dissolved_with_cases=true")
    (mine,) = (each for each in left["items"] if each["code"] == code)
    assert (mine["open_cases"], mine["successor"]) == (1, heir)
    # The case stays with its unit, and the unit's clerk goes on until it is dispatched again.
    taken = await own_city.act(case, "take", "unit_clerk", unit=code)
    assert taken["unit"] == code
    elsewhere = await get(own_city, "units?dissolved_with_cases=true", area="110108.013")
    assert code not in [each["code"] for each in elsewhere["items"]]


async def test_a_unit_that_the_pack_names_can_be_dissolved_and_founded_anew(own_city: City) -> None:
    code = "power"
    of_pack = own_city.wired.pack.units[code]
    row = unit(code, name_zh=of_pack.name.zh, name_en=of_pack.name.en, dept=of_pack.dept)
    before = utc_now()
    await asyncio.sleep(0.01)
    await units(own_city, row | {"valid_until": utc_now().isoformat()})
    assert code not in own_city.wired.units
    now, then = await get(own_city, "units?limit=500"), await get(own_city, f"units?limit=500&at={_query(before)}")
    assert code not in [each["code"] for each in now["items"]]
    assert code in [each["code"] for each in then["items"]]
    await units(own_city, row | {"name_zh": "新单位"})
    assert code in own_city.wired.units
    (mine,) = (each for each in (await get(own_city, "units?limit=500"))["items"] if each["code"] == code)
    assert mine["name"] == "新单位"


def _query(at: datetime) -> str:
    return at.isoformat().replace("+", "%2B")


async def test_a_changed_unit_keeps_what_it_was(own_city: City) -> None:
    code = fresh("repair")
    await units(own_city, unit(code, valid_from="2026-01-01"))
    await units(own_city, unit(code, name_zh="改名", valid_from="2026-07-01"))
    names = [
        next(
            each["name"] for each in (await get(own_city, f"units?limit=500&at={day}"))["items"] if each["code"] == code
        )
        for day in ("2026-03-01T00:00:00Z", "2026-06-30T15:59:59Z", "2026-06-30T16:00:00Z")
    ]
    assert names == ["抢修队", "抢修队", "改名"]
    assert (await units(own_city, unit(code, name_zh="改名", valid_from="2026-07-01"))).unchanged == 1


async def test_one_bad_row_takes_nothing_and_a_dry_run_neither(own_city: City) -> None:
    good, bad = fresh("good"), fresh("bad")
    with pytest.raises(ImportRefused, match="line 3, dept: 'magic'"):
        await units(own_city, unit(good), unit(bad, dept="magic"))
    assert (await units(own_city, unit(good), dry_run=True)).added == 1
    with pytest.raises(ImportRefused, match="two centres"):
        await people(own_city, person(good, "dispatcher"), person(good, "acceptor"))
    assert (await people(own_city, person(good), dry_run=True)).added == 1
    codes = "SELECT count(*) FROM dispatch.unit_versions WHERE code = ANY ($1)"
    assert await own_city.wired.pool.fetchval(codes, [good, bad]) == 0
    assert await own_city.wired.pool.fetchval("SELECT count(*) FROM dispatch.persons WHERE subject = $1", good) == 0


async def test_imports_at_once_are_one_after_another(own_city: City) -> None:
    code = fresh("repair")
    done = await asyncio.gather(*(units(own_city, unit(code)) for _ in range(5)))
    assert sorted(each.added for each in done) == [0, 0, 0, 0, 1]


async def test_persons_are_listed_within_the_callers_area_with_masked_numbers(own_city: City) -> None:
    near, far, gone = fresh("near"), fresh("far"), fresh("gone")
    await people(
        own_city,
        person(near, area="110108.012", phone="13800000001"),
        person(far, area="110108.013"),
        person(gone, area="110108.012", valid_until=utc_now().isoformat()),
    )
    page = await get(own_city, "persons?limit=500", area="110108.012")
    subjects = [each["subject"] for each in page["items"]]
    assert near in subjects
    assert far not in subjects
    assert gone not in subjects
    (mine,) = (each for each in page["items"] if each["subject"] == near)
    assert (mine["phone"], mine["centre"]) == ("138******01", "on_site")
    assert (await get(own_city, f"persons/{near}"))["phone"] == "13800000001"
    hidden = await own_city.http.get(
        f"/dispatch/v1/persons/{far}", headers=own_city.headers("acceptor", area="110108.012")
    )
    assert hidden.json()["type"] == "/problems/person-not-found"
    refused = await own_city.http.get("/dispatch/v1/persons", headers=own_city.headers("unit_clerk"))
    assert refused.status_code == 403
    first = await get(own_city, "persons?limit=1&post=grid_worker")
    rest = await get(own_city, f"persons?limit=1&post=grid_worker&cursor={first['next']}")
    assert first["items"][0]["subject"] < rest["items"][0]["subject"]


async def test_who_has_open_tasks_leaves_neither_post_nor_area_unless_somebody_follows(own_city: City) -> None:
    wang, li = fresh("wang"), fresh("li")
    await people(own_city, person(wang), person(li))
    case = await own_city.case()
    await own_city.act(case, "request_verification", "acceptor", {"assignee": wang})
    now = utc_now().isoformat()
    for change in (
        person(wang, valid_until=now),
        person(wang, "dispatcher"),
        person(wang, area="110108.013"),
    ):
        with pytest.raises(StillHolding, match=f"1 open tasks wait for {wang}"):
            await people(own_city, change)
    assert (await people(own_city, person(wang, "supervisor"))).left == {}  # still one who can answer
    await people(own_city, person(wang, "supervisor", valid_until=utc_now().isoformat()), successor=li)
    left = await get(own_city, "persons?left_with_tasks=true")
    (mine,) = (each for each in left["items"] if each["subject"] == wang)
    assert (mine["open_tasks"], mine["successor"]) == (1, li)


async def test_the_roster_says_who_is_on_duty_now_and_who_was(own_city: City) -> None:
    wang, li, head = fresh("wang"), fresh("li"), fresh("head")
    street = f"110108.{uuid7().int % 10**6:06d}"
    grid = f"{street}.003.017"
    await people(own_city, person(wang), person(li), person(head, "grid_leader", area=street))
    found = await get(own_city, f"roster?area={grid}")
    assert found["on_duty"] == head
    assert found["why"].startswith("leader: no roster for")

    before = utc_now()
    await duties(own_city, {"area": grid, "a": wang, "b": li})
    found = await get(own_city, f"roster?area={grid}")
    assert (found["on_duty"], found["why"]) == (wang, "a")
    assert found["items"][0]["hours"] == "00:00-24:00"
    assert own_city.wired.duty.on_duty(AreaPath(grid), utc_now()) == (wang, "a")
    assert (await get(own_city, f"roster?area={grid}&at={_query(before)}"))["on_duty"] == head

    today = utc_now().astimezone(own_city.wired.rules.calendar.zone).date()
    nearby = f"{today - timedelta(days=1)}/{today + timedelta(days=1)}"
    done = await duties(own_city, {"area": grid, "a": wang, "b": li, "absent_a": nearby})
    assert done[:2] == (1, 1)
    assert (await get(own_city, f"roster?area={grid}"))["on_duty"] == li
    await people(own_city, person(li, valid_until=utc_now().isoformat()))
    found = await get(own_city, f"roster?area={grid}")
    assert (found["on_duty"], found["why"].split(":")[0]) == (head, "leader")
    with pytest.raises(ImportRefused, match="line 2, b"):
        await duties(own_city, {"area": grid, "a": wang, "b": li})


async def test_an_import_replaces_the_areas_it_names_and_with_retire_below_the_others_there(own_city: City) -> None:
    wang = fresh("wang")
    street = f"110108.{uuid7().int % 10**6:06d}"
    await people(own_city, person(wang))
    rows = [{"area": f"{street}.{n}", "a": wang} for n in (1, 2, 3)]
    assert (await duties(own_city, *rows)).added == 3
    assert (await duties(own_city, *rows))[:3] == (0, 0, 3)
    assert (await duties(own_city, rows[0] | {"hours": "08:00-18:00"}))[:2] == (1, 1)
    assert (await duties(own_city, rows[1], retire_below=AreaPath(street), dry_run=True))[:3] == (0, 2, 1)
    assert (await duties(own_city, rows[1], retire_below=AreaPath(street)))[:3] == (0, 2, 1)
    page = await get(own_city, f"roster?area={street}")
    assert [each["area"] for each in page["items"]] == [f"{street}.2"]


async def test_a_rule_whose_unit_is_dissolved_leaves_the_case_to_a_person(new_york: City) -> None:
    async def opened() -> Any:
        record = new_york.record(category="bridge-condition", routing_key="MN.01.10007.003")
        await new_york.deliver(record)
        return await new_york.wired.pool.fetchrow(
            "SELECT status, unit FROM dispatch.cases WHERE report_id = $1", UUID(record.subject)
        )

    case = await opened()
    assert case["status"] == "dispatched"
    of_pack = new_york.wired.pack.units[case["unit"]]
    row = {"code": of_pack.code, "name_zh": of_pack.name.zh, "name_en": of_pack.name.en}
    row |= {"dept": of_pack.dept, "area": of_pack.area}
    try:
        await units(new_york, row | {"valid_until": utc_now().isoformat()}, keep=True)
        left = await opened()
        assert (left["status"], left["unit"]) == ("accepted", None), "what no unit answers for is filed by a person"
    finally:
        await units(new_york, row)
    assert (await opened())["status"] == "dispatched"
