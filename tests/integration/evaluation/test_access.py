from typing import Any

import pytest

from tests.integration.evaluation.conftest import Evaluation, records
from tests.unit.evaluation.histories import TO_DISPATCHED, History


def refusal(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    return found


async def test_without_credentials_nothing_is_told(evaluation: Evaluation) -> None:
    for path in ("/evaluation/v1/scorecards?object=region", "/evaluation/v1/indicators"):
        assert refusal(await evaluation.http.get(path), 401)["type"] == "/problems/not-signed-in"


async def test_a_post_without_scores_is_refused(evaluation: Evaluation) -> None:
    answer = await evaluation.ask(by="subscriber", object="region")
    assert refusal(answer, 403)["type"] == "/problems/action-not-allowed"


@pytest.mark.parametrize("outside", ["{district}", "{district}.11", "elsewhere.1"])
async def test_an_area_outside_the_callers_is_refused(evaluation: Evaluation, outside: str) -> None:
    area = outside.format(district=evaluation.area)
    answer = await evaluation.ask(within=f"{evaluation.area}.1", object="region", area=area)
    assert refusal(answer, 403)["type"] == "/problems/outside-scope"


async def test_no_area_or_an_empty_one_is_the_callers_own(evaluation: Evaluation) -> None:
    for area in ({}, {"area": ""}):
        answer = await evaluation.ask(within=f"{evaluation.area}.1", object="region", **area)
        assert {card["area"] for card in answer.json()["items"]} == {f"{evaluation.area}.1"}


async def test_a_unit_clerk_sees_its_own_unit_and_nothing_else(evaluation: Evaluation) -> None:
    await evaluation.count(
        *records(
            History(f"{evaluation.area}.1.1.1").acts(*TO_DISPATCHED),
            History(f"{evaluation.area}.1.1.1").acts("open", "accept", "file")("dispatch", unit="water"),
        )
    )

    async def ask(**params: Any) -> Any:
        return await evaluation.ask("scorecards", by="unit_clerk", of_unit="water", period="2026-11", **params)

    for own in ({}, {"unit": "water"}):
        cards = (await ask(object="unit", **own)).json()["items"]
        assert [(card["key"], card["counters"]["inst"]) for card in cards] == [("water", 1)]
    for asked in ({"object": "region"}, {"object": "post"}, {"object": "unit", "unit": "sanitation"}):
        found = refusal(await ask(**asked), 403)
        assert (found["type"], found["unit"]) == ("/problems/only-own-unit", "water")


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({}, "?object"),
        ({"object": "galaxy"}, "?object"),
        ({"object": "region", "period": "2026-13"}, "?period"),
        ({"object": "region", "period": "soon"}, "?period"),
        ({"object": "region", "as_of": "yesterday"}, "?as_of"),
        ({"object": "region", "as_of": "2026-11-23T10:00:00"}, "?as_of"),
        ({"object": "region", "cohort": "dreamt"}, "?cohort"),
        ({"object": "region", "limit": "0"}, "?limit"),
        ({"object": "region", "limit": "501"}, "?limit"),
        ({"object": "region", "cursor": "nonsense"}, "?cursor"),
        ({"object": "region", "area": "a..b"}, "?area"),
        ({"object": "region", "area": "1\x00"}, "?area"),
        ({"object": "unit", "unit": "1\x00"}, "?unit"),
        ({"object": "unit", "unit": "1" * 101}, "?unit"),
        ({"object": "post", "post": "mayor"}, "?post"),
    ],
)
async def test_bad_input_is_refused_by_the_name_of_its_field(
    evaluation: Evaluation, params: dict[str, str], pointer: str
) -> None:
    answer = await evaluation.ask("scorecards", by="admin", within="", **params)
    assert [error["pointer"] for error in refusal(answer, 422)["errors"]] == [pointer]


async def test_what_does_not_exist_is_said_not_to(evaluation: Evaluation) -> None:
    await evaluation.define(evaluation.area, "区")
    answer = await evaluation.ask(object="region", area=f"{evaluation.area}.nowhere")
    assert refusal(answer, 404)["type"] == "/problems/area-not-found"
    for unit in ("nobody", "%00", "'; DROP TABLE evaluation.cases; --"):
        answer = await evaluation.ask(object="unit", unit=unit)
        assert refusal(answer, 404)["type"] == "/problems/unit-not-found"


async def test_it_is_alive_ready_and_documented(evaluation: Evaluation) -> None:
    assert (await evaluation.http.get("/evaluation/livez")).status_code == 200
    ready = await evaluation.http.get("/evaluation/readyz")
    assert (ready.status_code, ready.json()["checks"]) == (200, {"database": "ok", "carrier": "ok"})
    paths = (await evaluation.http.get("/evaluation/openapi.json")).json()["paths"]
    assert {"/v1/scorecards", "/v1/indicators"} <= set(paths)
