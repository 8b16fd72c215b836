"""`GET` and `POST servicerequestupdates`: who asks every few minutes misses nothing and hears nothing twice."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from services.intake.domain.open311 import EXTENDED
from shared.contracts.intake import ReportSupplemented
from shared.kernel.clock import utc_now
from shared.kernel.ids import uuid7
from tests.integration.open311.conftest import Open311, as_json, as_text, instant, refused, soon
from tests.integration.open311.test_posting import PNG

PATH = "servicerequestupdates"
MEMBERS = ["update_id", "service_request_id", "status", "updated_datetime", "description", "media_url"]


async def of(open311: Open311, request_id: str, **query: Any) -> list[dict[str, Any]]:
    found = await open311.get(PATH, service_request_id=request_id, **query)
    assert isinstance(found, list)
    return found


async def add(open311: Open311, form: str = "json", **fields: Any) -> Any:
    usual = {"api_key": open311.key, "description": "还在 still there"}
    sent = {name: value for name, value in (usual | fields).items() if value is not None}
    return await open311.http.post(f"/{PATH}.{form}", data=sent)


async def test_what_happened_since_it_came_in(open311: Open311) -> None:
    request_id = await open311.posted()
    case = uuid7()
    await open311.hear(case, [request_id], ("open", "reported"))
    assert await of(open311, request_id) == []
    await open311.hear(case, [request_id], ("accept", "accepted"), ("urge", "accepted"), start=2)
    (one,) = await of(open311, request_id)
    assert list(one) == MEMBERS
    assert (one["service_request_id"], one["status"]) == (request_id, "open")
    assert one["description"] == "已受理 accepted"
    await open311.hear(case, [request_id], ("decline", "rejected"), start=4, opinion="不属本市")
    first, second = await of(open311, request_id)
    assert first == one
    assert second["status"] == "closed"
    assert "不属本市" in second["description"]
    xml = await open311.xml(PATH, service_request_id=request_id)
    assert xml.tag == "service_request_updates"
    assert [each.tag for each in xml] == ["request_update", "request_update"]
    assert as_json(xml) == as_text([first, second])


async def test_finer_statuses_on_request_only(open311: Open311) -> None:
    request_id = await open311.posted()
    await open311.hear(uuid7(), [request_id], ("open", "reported"), ("accept", "accepted"), ("close", "closed"))
    assert [each["status"] for each in await of(open311, request_id)] == ["open", "closed"]
    finer = [each["status"] for each in await of(open311, request_id, extensions="true")]
    assert finer == ["INVESTIGATING", "FIXED"]
    assert set(finer) <= set(EXTENDED)


async def test_the_window_holds_what_it_says(open311: Open311) -> None:
    request_id = await open311.posted()
    case, at = uuid7(), (utc_now() - timedelta(hours=5)).replace(microsecond=250_000)
    await open311.hear(case, [request_id], ("open", "reported"), ("accept", "accepted"), at=at.isoformat())
    whole = at.replace(microsecond=0)

    async def found(start: int, end: int) -> list[dict[str, Any]]:
        window = {
            "start_date": (whole + timedelta(seconds=start)).isoformat().replace("+00:00", "Z"),
            "end_date": (whole + timedelta(seconds=end)).isoformat().replace("+00:00", "Z"),
        }
        every = await open311.get(PATH, **window)
        assert all(
            instant(window["start_date"]) <= instant(each["updated_datetime"]) <= instant(window["end_date"])
            for each in every
        )
        return [each for each in every if each["service_request_id"] == request_id]

    assert len(await found(0, 0)) == 1
    assert len(await found(-3600, 3600)) == 1
    assert await found(1, 10) == []
    assert await found(-10, -1) == []


async def test_an_update_has_one_name_whoever_asks_and_each_report_its_own(open311: Open311) -> None:
    first, second = await open311.posted(), await open311.posted()
    await open311.hear(uuid7(), [first, second], ("open", "reported"), ("accept", "accepted"), ("close", "closed"))
    asked = [await open311.get(PATH, start_date=soon(-600), end_date=soon(60)) for _ in range(2)]
    assert asked[0] == asked[1]
    mine = [each for each in asked[0] if each["service_request_id"] in (first, second)]
    assert len({each["update_id"] for each in mine}) == len(mine) == 4
    by_id = await of(open311, f"{first},{second}")
    assert {each["update_id"] for each in by_id} == {each["update_id"] for each in mine}
    assert all(UUID(each["update_id"]) for each in mine)


async def test_a_report_that_went_over_to_another_case_has_no_update_twice(open311: Open311) -> None:
    mine, other = await open311.posted(), await open311.posted()
    old, new = uuid7(), uuid7()
    await open311.hear(old, [mine], ("open", "reported"), ("accept", "accepted"))
    before = {each["update_id"] for each in await of(open311, mine)}
    await open311.hear(new, [other], ("open", "reported"), ("accept", "accepted"))
    await open311.hear(new, [other, mine], ("absorb", "accepted"), start=3, new_reports=[mine])
    after = await of(open311, mine)
    assert after[-1]["description"] == "与同一问题并案 joined with reports of the same matter"
    assert not before & {each["update_id"] for each in after}


async def test_pages_in_order(own_open311: Open311) -> None:
    request_id = await own_open311.posted()
    case = uuid7()
    acts = [("accept", "accepted"), ("request_verification", "verifying"), ("answer_verification", "accepted")]
    await own_open311.hear(case, [request_id], ("open", "reported"), *acts, ("file", "filed"))
    for _ in range(3):
        assert (await add(own_open311, service_request_id=request_id)).status_code == 200
    every = await own_open311.get(PATH)
    assert len(every) == 7
    assert [each["updated_datetime"] for each in every] == sorted(each["updated_datetime"] for each in every)
    for query in ({}, {"service_request_id": request_id}):
        found = []
        for page in (1, 2, 3, 4):
            answer = await own_open311.http.get(f"/{PATH}.json", params={**query, "page": str(page), "page_size": "3"})
            assert answer.headers["x-total-count"] == "7"
            found.append(answer.json())
        assert [len(each) for each in found] == [3, 3, 1, 0]
        assert [each for page in found for each in page] == every


@pytest.mark.parametrize("form", ["xml", "json"])
@pytest.mark.parametrize(
    "query",
    [
        {"start_date": "soon"},
        {"start_date": "2026-01-01T00:00:00Z", "end_date": "2026-06-01T00:00:00Z"},
        {"page_size": "0"},
        {"extensions": "x"},
    ],
)
async def test_a_question_that_makes_no_sense_is_400(open311: Open311, form: str, query: dict[str, str]) -> None:
    refused(await open311.http.get(f"/{PATH}.{form}", params=query), 400, next(iter(query)))


async def test_a_client_adds_to_a_request(open311: Open311) -> None:
    request_id = await open311.posted()
    answer = await add(
        open311, service_request_id=request_id, status="OPEN", media_url="https://a.example/2.jpg",
        updated_datetime=soon(), email="zzyzx@example.org", first_name="Zzyzx", description="电话 13912345678 找我",
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    (told,) = answer.json()
    assert next(iter(told)) == "update_id"
    assert told["service_request_id"] == request_id
    (shown,) = await of(open311, request_id)
    assert list(shown) == MEMBERS
    assert (shown["update_id"], shown["status"]) == (told["update_id"], "open")
    assert shown["media_url"] == "https://a.example/2.jpg"
    assert shown["description"] == "电话 139******** 找我"
    everything = orjson.dumps(await open311.get(PATH)).decode()
    assert "13912345678" not in everything
    assert "zyzx" not in everything
    root = await open311.xml(PATH, service_request_id=request_id)
    assert as_json(root) == as_text([shown])


async def test_a_clients_own_name_for_it_makes_it_one(open311: Open311) -> None:
    request_id = await open311.posted()
    name = str(uuid4())
    answers = [await add(open311, f, service_request_id=request_id, update_id=name) for f in ("json", "json", "xml")]
    assert answers[0].content == answers[1].content
    assert answers[2].status_code == 200
    assert len(await of(open311, request_id)) == 1
    refused(await add(open311, service_request_id=request_id, update_id=name, description="另一条"), 400, "update_id")


@pytest.mark.parametrize("form", ["xml", "json"])
async def test_what_is_wrong_with_an_update(open311: Open311, form: str) -> None:
    request_id = await open311.posted()
    refused(await add(open311, form, service_request_id=request_id, api_key=None), 403)
    refused(await add(open311, form, service_request_id=request_id, api_key="wg_0_x"), 403)
    refused(await add(open311, form), 400, "service_request_id")
    refused(await add(open311, form, service_request_id=request_id, description=None), 400, "description")
    refused(await add(open311, form, service_request_id=request_id, description="<a href=x>y</a>"), 400, "HTML")
    refused(await add(open311, form, service_request_id=request_id, description="x" * 4001), 400, "4,001")
    refused(await add(open311, form, service_request_id=request_id, status="GONE"), 400, "status")
    refused(await add(open311, form, service_request_id=request_id, updated_datetime="now"), 400, "updated_datetime")
    refused(await add(open311, form, service_request_id=request_id, media_url="data:x"), 400, "media_url")
    refused(await add(open311, form, service_request_id=[request_id, request_id]), 400, "once")
    refused(await add(open311, form, service_request_id=str(uuid4())), 404)
    refused(await add(open311, form, service_request_id="17"), 404)


async def test_only_the_app_that_sent_it_adds_to_it_and_only_until_it_has_ended(open311: Open311) -> None:
    request_id = await open311.posted()
    other = (await open311.place.key())["Authorization"].removeprefix("Bearer ")
    refused(await add(open311, service_request_id=request_id, api_key=other), 404)
    await open311.hear(uuid7(), [request_id], ("open", "reported"), ("decline", "rejected"))
    refused(await add(open311, service_request_id=request_id), 400, "rejected")


async def test_the_desk_hears_what_was_added(open311: Open311) -> None:
    request_id = await open311.posted()
    files: list[tuple[str, Any]] = [
        ("api_key", (None, open311.key)),
        ("service_request_id", (None, request_id)),
        ("media", ("a.png", PNG, "image/png")),
    ]
    assert (await open311.http.post(f"/{PATH}.json", files=files)).status_code == 200
    answer = await add(open311, service_request_id=request_id, media_url="https://a.example/3.jpg")
    assert answer.status_code == 200
    facts = [
        ReportSupplemented.model_validate_json(each["data"]) for each in (await open311.place.facts(request_id))[1:]
    ]
    assert [len(each.media) for each in facts] == [1, 0]
    assert facts[1].text == "还在 still there\n照片 photo: https://a.example/3.jpg"
    shown = await of(open311, request_id)
    assert [each["description"] for each in shown] == [None, "还在 still there"]
    assert shown[0]["media_url"] == f"http://intake.test/intake/v1/media/{facts[0].media[0]}"
    assert shown[1]["media_url"] == "https://a.example/3.jpg"


async def test_a_key_that_may_not_report_may_not_add(open311: Open311) -> None:
    request_id = await open311.posted()
    reads = (await open311.place.key(actions=["reports:read"]))["Authorization"].removeprefix("Bearer ")
    refused(await add(open311, service_request_id=request_id, api_key=reads), 403)
