"""A report's status follows its case."""

from typing import Any
from uuid import UUID

import orjson
import pytest

from services.intake.consumers import subscriptions
from shared.bus.event import Record
from shared.contracts.topics import CASES
from shared.kernel.clock import utc_now
from shared.kernel.ids import uuid7
from shared.postgres import transaction
from tests.integration.intake.conftest import Place, grid


def record(case: UUID, version: int, status: str, reports: list[str], **more: Any) -> Record:
    """A fact of dispatch, with the members that are read here and one that intake does not know."""
    data = {"case_id": str(case), "version": version, "status": status, "reports": reports, "new_member": 1}
    data |= {"act": "file", "at": utc_now().isoformat(), "category": "01001", **more}
    return Record(
        CASES.name, 0, version, grid(1, 1), str(uuid7()), "case.filed.v1", "/wangge/dispatch", str(case), version,
        grid(1, 1), None, utc_now(), orjson.dumps(data), None,
    )  # fmt: skip


async def hear(intake: Place, *records: Record) -> None:
    (subscription,) = subscriptions(intake.wired)
    async with transaction(intake.wired.pool) as tx:
        await subscription.topics[CASES.name](tx, records)


async def view(intake: Place, report: str) -> Any:
    return (await intake.http.get(f"/intake/v1/reports/{report}", headers=intake.app)).json()


async def test_the_last_state_of_a_batch_is_what_stands(intake: Place) -> None:
    one, other = [(await intake.post(intake.body())).json()["id"] for _ in range(2)]
    case = uuid7()
    await hear(intake, *(record(case, n, s, [one, other]) for n, s in enumerate(("reported", "accepted", "filed"), 1)))
    for report in (one, other):
        seen = await view(intake, report)
        assert (seen["status"], seen["case_id"]) == ("filed", str(case))


async def test_the_same_facts_again_and_older_ones_change_nothing(intake: Place) -> None:
    report = (await intake.post(intake.body())).json()["id"]
    case = uuid7()
    await hear(intake, record(case, 5, "dispatched", [report]))
    await hear(intake, record(case, 4, "filed", [report]))
    await hear(intake, record(case, 5, "dispatched", [report]))
    assert (await view(intake, report))["status"] == "dispatched"


async def test_a_reopened_case_is_the_one_that_counts(intake: Place) -> None:
    report = (await intake.post(intake.body())).json()["id"]
    old, new = uuid7(), uuid7()
    await hear(intake, record(old, 9, "closed", [report]))
    await hear(intake, record(new, 1, "accepted", [report]))
    await hear(intake, record(old, 10, "closed", [report]))
    seen = await view(intake, report)
    assert (seen["status"], seen["case_id"]) == ("accepted", str(new))


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("first", ["merged", "absorbed"])
async def test_a_merged_report_follows_the_case_that_took_it_over(intake: Place, first: str, together: bool) -> None:
    """Whichever of the two cases is the younger, and whichever is heard of first."""
    one, other = [(await intake.post(intake.body())).json()["id"] for _ in range(2)]
    survivor, merged = uuid7(), uuid7()
    facts = {
        "merged": record(merged, 2, "voided", [other], act="merge", merged_into=str(survivor)),
        "absorbed": record(survivor, 5, "filed", [one, other], act="absorb", new_reports=[other]),
    }
    told = [record(merged, 1, "reported", [other]), facts.pop(first), *facts.values()]
    for batch in [told] if together else [[each] for each in told]:
        await hear(intake, *batch)
    seen = await view(intake, other)
    assert (seen["status"], seen["case_id"]) == ("filed", str(survivor))
    await hear(intake, record(survivor, 6, "dispatched", [one, other]))
    assert (await view(intake, other))["status"] == "dispatched"


async def test_a_closed_case_reopened_hands_its_reports_over(intake: Place) -> None:
    report = (await intake.post(intake.body())).json()["id"]
    new, old = uuid7(), uuid7()  # born in the wrong order: the hand-over counts, not the age
    await hear(intake, record(old, 9, "closed", [report]))
    await hear(intake, record(new, 1, "reported", [report], act="open", reopened_from=str(old)))
    await hear(intake, record(old, 11, "closed", [report]))
    assert (await view(intake, report))["status"] == "reported"


async def test_facts_without_reports_are_fine(intake: Place) -> None:
    await hear(intake, record(uuid7(), 1, "reported", []))
