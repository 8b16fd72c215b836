"""First-asked responsibility: shown with the report, listed while it lasts, told when it lapses."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from services.intake.commands.mark_first_asked import first_asked_jobs, mark_first_asked
from shared.contracts.intake import ReportFirstAskedLapsed, ReportFirstAskedOverdue
from shared.kernel.clock import utc_now
from shared.kernel.ids import uuid7
from tests.integration.intake.conftest import Place
from tests.integration.intake.test_own_report import taken
from tests.integration.intake.test_status import hear, record, view


def told(case: UUID, version: int, report: str, act: str, by: str = "system", centre: str = "system") -> Any:
    status = {"open": "reported", "accept": "accepted", "auto_accept": "accepted", "file": "filed"}[act]
    at = utc_now().isoformat()
    return record(case, version, status, [report], act=act, actor=by, centre=centre, post="acceptor", at=at)


async def listed(intake: Place, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        asked = {"limit": "2", **query, **({"cursor": cursor} if cursor else {})}
        answer = await intake.http.get("/intake/v1/first-asked", params=asked, headers=intake.staff("acceptor"))
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        cursor = answer.json()["next"]
    return found


async def test_whoever_took_it_in_answers_for_it_until_another_acts(intake: Place) -> None:
    report, case = await taken(intake, intake.staff("acceptor")), uuid7()
    assert (await view(intake, report["id"]))["first_asked"] is None
    await hear(intake, told(case, 1, report["id"], "open"), told(case, 2, report["id"], "auto_accept"))
    held = (await view(intake, report["id"]))["first_asked"]
    assert (held["by"], held["lapsed_at"]) == ("acceptor-1", None)
    assert report["id"] in [each["report_id"] for each in await listed(intake)]

    await hear(intake, told(case, 3, report["id"], "file", "acceptor-1", "supervision"))
    assert (await view(intake, report["id"]))["first_asked"]["lapsed_at"] is None, "one's own act relieves nobody"
    await hear(intake, told(case, 4, report["id"], "file", "leader-9", "supervision"))
    held = (await view(intake, report["id"]))["first_asked"]
    assert (held["taken_over_by"], held["act"], held["lapsed_at"] is not None) == ("leader-9", "file", True)
    assert report["id"] not in [each["report_id"] for each in await listed(intake)]
    _, fact = await intake.facts(report["id"])
    assert (fact["type"], fact["sequence"]) == (ReportFirstAskedLapsed.TYPE, 2)
    data = ReportFirstAskedLapsed.model_validate_json(fact["data"])
    assert (data.first_asked, data.by, data.version) == ("acceptor-1", "leader-9", 2)


async def test_the_same_facts_again_tell_nothing_twice(intake: Place) -> None:
    report, case = await taken(intake), uuid7()
    facts = told(case, 1, report["id"], "open"), told(case, 2, report["id"], "accept", "desk-1", "supervision")
    await hear(intake, *facts)
    await hear(intake, *facts)
    await hear(intake, told(case, 3, report["id"], "file", "desk-2", "supervision"))
    assert len(await intake.facts(report["id"])) == 2
    assert (await view(intake, report["id"]))["first_asked"]["taken_over_by"] == "desk-1"


async def test_the_list_goes_on_where_it_left_off_and_keeps_to_an_area(intake: Place) -> None:
    reports = [await taken(intake) for _ in range(5)]
    await hear(intake, *(told(uuid7(), 1, report["id"], "open") for report in reports))
    ids = [report["id"] for report in reports]
    found = [each for each in await listed(intake) if each["report_id"] in ids]
    assert [each["report_id"] for each in found] == ids, "the longest waiting first"
    assert not [each for each in await listed(intake, area="999999") if each["report_id"] in ids]
    mine = await listed(intake, subject=found[0]["by"])
    assert set(ids) <= {each["report_id"] for each in mine}
    assert await listed(intake, subject="nobody") == []
    bad = await intake.http.get("/intake/v1/first-asked?cursor=x", headers=intake.staff("acceptor"))
    assert (bad.status_code, bad.json()["errors"][0]["pointer"]) == (422, "?cursor")


async def test_a_report_of_an_old_system_has_nobody(intake: Place) -> None:
    await hear(intake, told(uuid7(), 1, str(uuid7()), "open"))


async def test_what_nobody_took_over_in_time_is_told_once_and_still_answered_for(own_intake: Place) -> None:
    place = own_intake
    late, young, relieved, case = *[await taken(place, place.staff("acceptor")) for _ in range(3)], uuid7()
    await hear(
        place, told(case, 1, late["id"], "open"), *(told(uuid7(), 1, r["id"], "open") for r in (young, relieved))
    )
    pool, limit = place.wired.pool, timedelta(hours=24)
    older = (
        "UPDATE intake.first_asked SET since = since - interval '25 hours' WHERE report_id = ANY($1::text[]::uuid[])"
    )
    await pool.execute(older, [late["id"], relieved["id"]])
    gone = uuid7()
    await hear(place, told(gone, 2, relieved["id"], "file", "leader-9", "supervision"))
    marking = [mark_first_asked(pool, place.wired.outbox, place.wired.clock, limit) for _ in range(4)]
    assert await asyncio.gather(*marking) == [False] * 4
    assert [each["report_id"] for each in await listed(place, overdue="true")] == [late["id"]]
    assert [each["report_id"] for each in await listed(place, overdue="false")] == [young["id"]]
    held = (await view(place, late["id"]))["first_asked"]
    assert (held["lapsed_at"], held["overdue_at"] is not None) == (None, True)
    _, fact = await place.facts(late["id"])
    data = ReportFirstAskedOverdue.model_validate_json(fact["data"])
    assert (fact["type"], data.first_asked, data.version) == (ReportFirstAskedOverdue.TYPE, "acceptor-1", 2)
    # Taken over after all: the next fact, without a gap.
    await hear(place, told(case, 3, late["id"], "file", "leader-9", "supervision"))
    assert [each["sequence"] for each in await place.facts(late["id"])] == [1, 2, 3]
    assert await listed(place, overdue="true") == []
    assert len(await place.facts(young["id"])) == 1
    assert len(await place.facts(relieved["id"])) == 2, "it had been taken over: late, but before it was told"


async def test_the_pack_says_after_how_long(intake: Place) -> None:
    wired = intake.wired
    assert wired.pack.first_asked.hours == 24
    assert first_asked_jobs(wired.pool, wired.outbox, wired.clock, None) == []
