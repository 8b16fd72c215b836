"""Rosters, units and cases together: who is sent to the spot, who comes after, and what a dissolved unit leaves."""

from datetime import timedelta
from typing import Any

from services.dispatch.commands.mark_due import mark_due
from shared.kernel.clock import utc_now
from shared.kernel.ids import uuid7
from tests.integration.dispatch.conftest import ON_THE_SPOT, PATH, City
from tests.integration.dispatch.passing import let_pass
from tests.integration.dispatch.test_people import duties, fresh, people, person, unit, units


async def checked(city: City, grid: str) -> dict[str, Any]:
    """A case of that grid whose check was asked for, nobody being named."""
    case = await city.case(routing_key=grid)
    for act, post, body in PATH[:6]:
        case = await city.act(case, act, post, body)
    return case


async def test_the_roster_sends_its_person_then_the_next_and_at_last_the_leader(own_city: City) -> None:
    city = own_city
    a, b, head = fresh("a"), fresh("b"), fresh("head")
    street = f"110108.{uuid7().int % 10**6:06d}"
    await people(city, person(a), person(b), person(head, "grid_leader", area=street))
    await duties(city, {"area": f"{street}.003.017", "a": a, "b": b})
    case = await checked(city, f"{street}.003.017")
    tasks = [case["task"]]
    for expected in (a, b, head):
        case = await city.seen(case["id"])
        assert case["assignee"] == expected
        await let_pass(city, case, timedelta(minutes=31))
        while await mark_due(city.wired):
            pass
        case = await city.seen(case["id"])
        tasks.append(case["task"])
    assert case["assignee"] == head, "after the leader there is nobody to go to"
    assert len(set(tasks)) == 3
    late = await city.try_act(case, "answer_check", "grid_worker", {"passed": True, **ON_THE_SPOT}, subject=a)
    assert (late.status_code, late.json()["type"]) == (403, "/problems/not-your-task")
    done = await city.act(case, "answer_check", "grid_leader", {"passed": True, **ON_THE_SPOT}, subject=head)
    assert done["status"] == "checked"


async def test_a_hole_in_the_roster_falls_to_the_leader_and_says_so(own_city: City) -> None:
    city = own_city
    head, street = fresh("head"), f"110108.{uuid7().int % 10**6:06d}"
    await people(city, person(head, "grid_leader", area=street))
    case = await checked(city, f"{street}.001.001")
    assert case["assignee"] == head
    items = (await city.http.get(f"/dispatch/v1/cases/{case['id']}/timeline", headers=city.headers("auditor"))).json()
    assert items["items"][-1]["details"]["assigned_by"].startswith("leader: no roster for")


async def test_what_a_dissolved_unit_holds_is_called_back_and_dispatched_to_another(own_city: City) -> None:
    city = own_city
    code = fresh("team")
    await units(city, unit(code))
    case = await city.until("filed")
    case = await city.act(case, "dispatch", "dispatcher", {"unit": code})
    case = await city.act(case, "take", "unit_clerk", unit=code)
    early = await city.try_act(case, "recall", "dispatcher", {"opinion": "back to us"})
    assert (early.status_code, early.json()["type"]) == (409, "/problems/not-dissolved")
    await units(city, unit(code, valid_until=utc_now().isoformat()), keep=True)
    urged = await city.try_act(case, "urge", "dispatcher", {"opinion": "see to it"})
    assert (urged.status_code, urged.json()["type"]) == (409, "/problems/unit-dissolved")
    case = await city.act(case, "recall", "dispatcher", {"opinion": "the team was dissolved"})
    assert (case["status"], case["unit"]) == ("filed", None)
    gone = await city.try_act(case, "dispatch", "dispatcher", {"unit": code})
    assert (gone.status_code, gone.json()["errors"][0]["pointer"]) == (422, "/unit")
    assert (await city.act(case, "dispatch", "dispatcher", {"unit": "drainage"}))["status"] == "dispatched"
