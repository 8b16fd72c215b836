"""Field work is counted by worker and period, once, where it was."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest

from services.evaluation.consumers import on_activities
from services.evaluation.incoming import UnreadableFact
from shared.bus.event import Record
from shared.contracts import topics
from shared.postgres import transaction
from tests.integration.evaluation.conftest import Evaluation, a_record

GOLDEN = orjson.loads((Path(__file__).parents[2] / "contract/golden/activity.recorded.v1.json").read_bytes())
BEGAN = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


def fact(area: str, kind: str = "patrol", detail: dict[str, Any] | None = None, **fields: Any) -> Record:
    began = fields.pop("began", BEGAN)
    times = {"started_at": began.isoformat(), "ended_at": (began + timedelta(minutes=30)).isoformat()}
    base = {**GOLDEN, "inspection": None, "activity_id": str(uuid4()), "routing_key": f"{area}.001", "kind": kind}
    data = {**base, **times, "worker": "li", kind: detail or {}, **fields}
    return a_record(topics.ACTIVITIES, data["activity_id"], 1, "activity.recorded.v1", orjson.dumps(data))


async def hear(evaluation: Evaluation, *records: Record) -> None:
    async with transaction(evaluation.wired.pool) as tx:
        await on_activities(tx, records)


async def asked(evaluation: Evaluation, **params: Any) -> list[dict[str, Any]]:
    answer = await evaluation.ask("activities", **{"period": "2026-11", **params})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_a_worker_has_a_line_with_what_they_did(evaluation: Evaluation) -> None:
    hazards = [{"level": "major", "text": "x"}, {"level": "general", "text": "y"}]
    told = [
        fact(evaluation.area, detail={"length_m": 1200.5, "handled": 2}),
        fact(evaluation.area, began=BEGAN + timedelta(days=1), detail={"length_m": 800.0, "handled": 1}),
        fact(evaluation.area, "inspection", {"hazards": hazards}),
        fact(evaluation.area, "visit", worker="wang"),
    ]
    await hear(evaluation, *told)
    await hear(evaluation, *told)  # comes again
    li, wang = await asked(evaluation)
    assert (li["worker"], li["patrols"], li["inspections"], li["visits"], li["days"]) == ("li", 2, 1, 0, 2)
    assert (li["minutes"], li["length_m"], li["handled"], li["hazards"], li["reports"]) == (90, 2000.5, 3, 2, 3)
    assert (wang["worker"], wang["visits"], wang["period"]) == ("wang", 1, "2026-11")


async def test_the_month_is_the_citys_and_the_area_the_one_asked_for(evaluation: Evaluation) -> None:
    # 30 November, 23:59 in Beijing, and a minute later.
    last = datetime(2026, 11, 30, 15, 59, tzinfo=UTC)
    await hear(
        evaluation,
        fact(evaluation.area, "diary", began=last),
        fact(evaluation.area, "diary", began=last + timedelta(minutes=1)),
        fact(evaluation.area, "diary", routing_key=f"{evaluation.area}.002"),
    )
    (november,), (december,) = await asked(evaluation), await asked(evaluation, period="2026-12")
    assert (november["diaries"], december["diaries"]) == (2, 1)
    (there,) = await asked(evaluation, area=f"{evaluation.area}.002")
    assert there["diaries"] == 1


async def test_lines_are_paged_and_only_for_those_who_may_see_them(evaluation: Evaluation) -> None:
    await hear(evaluation, *(fact(evaluation.area, worker=f"w{n}") for n in range(5)))
    page = (await evaluation.ask("activities", period="2026-11", limit=3)).json()
    rest = (await evaluation.ask("activities", period="2026-11", limit=3, cursor=page["next"])).json()
    assert [line["worker"] for line in page["items"] + rest["items"]] == [f"w{n}" for n in range(5)]
    assert rest["next"] is None
    assert (await evaluation.ask("activities", by="dispatcher")).status_code == 403
    assert (await evaluation.ask("activities", area="110108", within=evaluation.area)).status_code == 403


async def test_a_fact_that_cannot_be_read_is_named(evaluation: Evaluation) -> None:
    broken = fact(evaluation.area)._replace(data=b'{"kind": "patrol"}')
    with pytest.raises(UnreadableFact, match="missing"):
        await hear(evaluation, broken)
