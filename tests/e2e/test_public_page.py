"""The public page, line by line: each shape and rule it promises, asked for by a program that knows nothing else.

It goes by the sections of the page: intake's doors, the case and its acts, the stream, webhooks and scores, refusals.
"""

import asyncio
import base64
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest
from standardwebhooks import Webhook

from tests.e2e.conftest import City, running
from tests.e2e.test_story import a_grid, act, case_of, events, report_in

SERVICES = ("intake", "dispatch", "evaluation", "notify")
LEAD, OTHER = "water", "gas"  # handling units of the pack haidian
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
ABSENT = "01900000-0000-7000-8000-000000000000"  # a well-formed id of nothing

Headers = dict[str, str]
Check = Callable[[Any], bool]


# --- what a value looks like -----------------------------------------------------------------------------------------


def moment(value: Any) -> bool:
    """RFC 3339 with an offset."""
    return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None and "T" in value


def uuid7(value: Any) -> bool:
    return isinstance(value, str) and str(UUID(value)) == value and UUID(value).version == 7


def text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def yes_or_no(value: Any) -> bool:
    return isinstance(value, bool)


def point(value: Any) -> bool:
    return set(value) >= {"lon", "lat"} and all(isinstance(value[name], float) for name in ("lon", "lat"))


def words(value: Any) -> bool:
    return text(value["zh"]) and text(value["en"])


def nothing(value: Any) -> bool:
    return value is None


def either(*checks: Check) -> Check:
    return lambda value: any(
        (check is nothing and value is None) or (value is not None and check(value)) for check in checks
    )


def each(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(check(item) for item in value)


def one_of(*values: Any) -> Check:
    return lambda value: value in values


def has(found: Any, **members: Check) -> Any:
    """`found`, which has at least these members, and each looks right."""
    for name, check in members.items():
        assert name in found, f"{name} is not in {found}"
        assert check(found[name]), f"{name}: {found[name]!r}"
    return found


def a_report(found: Any) -> Any:
    return has(
        found,
        id=uuid7,
        tracking_code=text,
        routing_key=text,
        status=text,
        category=text,
        received_at=moment,
        case_id=either(nothing, uuid7),
        merged_into=either(nothing, uuid7),
    )


def a_clock(found: Any) -> bool:
    has(found, stage=text, limit_s=number, used_s=number, left_s=number)
    return True


def a_case(found: Any) -> Any:
    return has(
        found,
        id=uuid7,
        number=text,
        status=text,
        version=number,
        revision=number,
        routing_key=text,
        location=point,
        category=text,
        condition=either(nothing, text),
        description=text,
        media=each(uuid7),
        unit=either(nothing, text),
        assisting=each(text),
        reports=each(uuid7),
        opened_at=moment,
        due_at=either(nothing, moment),
        overdue=yes_or_no,
        clock=either(nothing, a_clock),
        acts=each(text),
    )


def a_scorecard(found: Any) -> Any:
    has(found, object=text, key=text, name=text, period=text, as_of=moment)
    assert all(number(value) or isinstance(value, float) for value in found["counters"].values()), found["counters"]
    assert all(value is None or 0 <= value <= 100 for value in found["rates"].values()), found["rates"]
    return found


async def refused(city: City, answer: httpx.Response, status: int, slug: str | None = None) -> dict[str, Any]:
    """The problem that `answer` is; its type leads to a page for a person."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem: dict[str, Any] = has(answer.json(), type=text, title=text, detail=text, instance=text)
    assert problem["status"] == status
    assert problem["instance"] == answer.request.url.path
    assert re.fullmatch(r"/problems/[a-z0-9-]+", problem["type"])
    for error in problem["errors"]:
        has(error, pointer=text, message=text)
    if slug is not None:
        assert problem["type"] == f"/problems/{slug}"
    page = await city.http.get(problem["type"])
    assert page.status_code == 200, problem["type"]
    assert page.headers["content-type"].startswith("text/html")
    return problem


def pointers(problem: dict[str, Any]) -> list[str]:
    return [error["pointer"] for error in problem["errors"]]


# --- asking ----------------------------------------------------------------------------------------------------------


def again(headers: Headers, key: str) -> Headers:
    return {**headers, "Idempotency-Key": key}


async def get(city: City, path: str, headers: Headers, **parameters: Any) -> Any:
    answer = await city.http.get(path, params=parameters, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def post_report(city: City, body: Any, headers: Headers | None = None) -> httpx.Response:
    return await city.http.post("/intake/v1/reports", json=body, headers=headers or city.app())


async def new_case(city: City, grid: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = await post_report(city, report_in(grid, **more))
    assert answer.status_code == 201, answer.text
    return await case_of(city, answer.json())


async def on_the_spot(city: City, case: dict[str, Any]) -> dict[str, Any]:
    """What an answer from the spot brings: where it was given, and a photograph."""
    taken = await city.http.post("/intake/v1/media", files={"file": PNG}, headers=city.staff("supervisor"))
    assert taken.status_code == 201, taken.text
    return {"location": case["location"], "evidence": [taken.json()["id"]]}


async def ask_act(
    city: City, headers: Headers, case: dict[str, Any], name: str, *, match: str | None = "", **body: Any
) -> httpx.Response:
    """The act as it is answered; `match` is the If-Match, by default the case's."""
    sent = {**headers}
    if match is not None:
        sent["If-Match"] = match or f'"{case["revision"]}"'
    return await city.http.post(f"/dispatch/v1/cases/{case['id']}/{name}", json=body, headers=sent)


async def carried_to(city: City, status: str, grid: dict[str, Any] | None = None) -> dict[str, Any]:
    """A case of its own, carried along the straight path until it is `status`."""
    case = await new_case(city, grid or await a_grid(city))
    steps: list[tuple[Headers, str, dict[str, Any]]] = [
        (city.staff("acceptor"), "accept", {}),
        (city.staff("shift_leader"), "file", {"condition": "damaged"}),
        (city.staff("dispatcher"), "dispatch", {"unit": LEAD}),
        (city.unit(LEAD), "take", {}),
        (city.unit(LEAD), "report_handled", {"result": "replaced"}),
        (city.staff("acceptor"), "request_check", {}),
    ]
    for headers, name, body in steps:
        if case["status"] == status:
            break
        case = await act(city, headers, case, name, **body)
    assert case["status"] == status
    return case


async def seen_by(city: City, headers: Headers, case: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = await get(city, f"/dispatch/v1/cases/{case['id']}", headers)
    return found


async def key_for(city: City, area: str, *actions: str) -> Headers:
    """A key of an app whose area is `area`, once the services know it."""
    answer = await city.http.post(
        "/intake/v1/keys", json={"name": "narrow", "actions": actions, "area": area}, headers=city.staff("admin")
    )
    assert answer.status_code == 201, answer.text
    headers = {"Authorization": f"Bearer {answer.json()['key']}"}
    until = time.monotonic() + 5
    while (await city.http.get("/dispatch/v1/me", headers=headers)).status_code == 401:
        assert time.monotonic() < until
        await asyncio.sleep(0.1)
    return headers


async def streets(city: City) -> list[dict[str, Any]]:
    """A grid of each of the first two streets."""
    found = (await get(city, "/intake/v1/areas", city.app(), level="street", limit=2))["items"]
    communities = [
        (await get(city, "/intake/v1/areas", city.app(), parent=street["path"], limit=1))["items"][0]
        for street in found
    ]
    return [
        (await get(city, "/intake/v1/areas", city.app(), parent=community["path"], limit=1))["items"][0]
        for community in communities
    ]


@asynccontextmanager
async def streaming(city: City, headers: Headers, **parameters: Any) -> AsyncIterator[httpx.Response]:
    async with city.http.stream("GET", "/notify/v1/stream", params=parameters, headers=headers, timeout=30) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield response


# --- reports, media, areas, catalogue --------------------------------------------------------------------------------


@pytest.mark.parametrize("datum", [None, "wgs84", "cgcs2000", "gcj02", "bd09"])
async def test_a_report_is_placed_by_a_point_in_any_datum(city: City, datum: str | None) -> None:
    grid = await a_grid(city)
    where = dict(grid["centroid"])
    # In Beijing gcj02 lies some 540 m east-north-east of WGS 84, bd09 some 1,200 m.
    shift = {"gcj02": (0.0061, 0.0013), "bd09": (0.0126, 0.0076)}.get(datum or "", (0.0, 0.0))
    where = {"lon": where["lon"] + shift[0], "lat": where["lat"] + shift[1]} | ({"datum": datum} if datum else {})
    answer = await post_report(city, report_in(grid, location=where))
    assert answer.status_code == 201, answer.text
    taken = has(answer.json(), id=uuid7, tracking_code=text, routing_key=text, status=text)
    assert taken["routing_key"].startswith(grid["path"].rsplit(".", 2)[0])
    case = await case_of(city, taken)
    assert abs(case["location"]["lon"] - grid["centroid"]["lon"]) < 0.002, "shown in WGS 84 whatever was sent"


async def test_a_report_is_placed_by_its_grid_and_read_back(city: City) -> None:
    grid = await a_grid(city)
    answer = await post_report(
        city, report_in(grid, location={"grid": grid["path"]}, reporter={"phone": "13800000000"})
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["routing_key"] == grid["path"]
    case = await case_of(city, answer.json())
    report = a_report(await get(city, f"/intake/v1/reports/{answer.json()['id']}", city.app()))
    assert (report["case_id"], report["merged_into"]) == (case["id"], None)
    assert report["tracking_code"] == answer.json()["tracking_code"]


async def test_a_component_that_is_not_known_is_refused_by_name(city: City) -> None:
    body = report_in(await a_grid(city), location={"component": "nobody-registered-this"})
    problem = await refused(city, await post_report(city, body), 422)
    assert pointers(problem) == ["/location/component"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"category": "no-such"}, "/category"),
        ({"category": 7}, "/category"),
        ({"description": "a\x00b"}, "/description"),
        ({"surprise": 1}, "/surprise"),
        ({"location": {"lon": 500, "lat": 39}}, "/location/lon"),
        ({"location": {"lon": 0, "lat": 0}}, "/location"),
        ({"location": {}}, "/location"),
        ({"location": {"grid": "110108.999"}}, "/location/grid"),
        ({"location": {"lon": 116.3, "lat": 39.9, "datum": "mars"}}, "/location/datum"),
        ({"occurred_at": "2026-01-01T00:00:00"}, "/occurred_at"),
        ({"media": [ABSENT]}, "/media/0"),
    ],
)
async def test_bad_input_names_the_field(city: City, change: dict[str, Any], pointer: str) -> None:
    problem = await refused(city, await post_report(city, report_in(await a_grid(city), **change)), 422)
    assert pointers(problem) == [pointer]


async def test_what_is_not_json_is_400(city: City) -> None:
    for raw in (b"{", b"\xff\xfe", b""):
        headers = {**city.app(), "Content-Type": "application/json"}
        await refused(city, await city.http.post("/intake/v1/reports", content=raw, headers=headers), 400)


async def test_a_batch_is_answered_line_by_line_and_in_part(city: City) -> None:
    body = report_in(await a_grid(city))
    lines = [body, {**body, "category": "no-such"}, body, {**body, "location": {"lon": 0, "lat": 0}}]
    raw = "\n".join([*(json.dumps(line) for line in lines), "{not json"])
    headers = again({**city.app(), "Content-Type": "application/x-ndjson"}, str(uuid4()))
    answer = await city.http.post("/intake/v1/reports/batch", content=raw, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    answered = [json.loads(line) for line in answer.text.splitlines()]
    assert [(line["line"], line["status"]) for line in answered] == [(1, 201), (2, 422), (3, 201), (4, 422), (5, 400)]
    for line in (answered[0], answered[2]):
        has(line, id=uuid7, tracking_code=text)
        assert "problem" not in line or line["problem"] is None
        assert (await city.http.get(f"/intake/v1/reports/{line['id']}", headers=city.app())).status_code == 200
    for line in (answered[1], answered[3], answered[4]):
        has(
            line["problem"],
            type=text,
            title=text,
            status=number,
            detail=text,
            instance=text,
            errors=each(lambda _: True),
        )

    same = await city.http.post("/intake/v1/reports/batch", content=raw, headers=headers)
    assert (same.status_code, same.text) == (200, answer.text)
    other = await city.http.post("/intake/v1/reports/batch", content=json.dumps(body), headers=headers)
    await refused(city, other, 422, "idempotency-key-reused")


async def test_a_batch_of_more_than_5000_lines_is_refused_whole(city: City) -> None:
    headers = {**city.app(), "Content-Type": "application/x-ndjson"}
    answer = await city.http.post("/intake/v1/reports/batch", content="{}\n" * 5001, headers=headers)
    await refused(city, answer, answer.status_code)
    assert answer.status_code in (413, 422)


async def test_media_is_taken_by_what_it_is_and_named_in_a_report(city: City) -> None:
    answer = await city.http.post("/intake/v1/media", files={"file": ("x.bin", PNG)}, headers=city.app())
    assert answer.status_code == 201, answer.text
    media = has(answer.json(), id=uuid7)
    assert (media["media_type"], media["bytes"]) == ("image/png", len(PNG))
    case = await new_case(city, await a_grid(city), media=[media["id"]])
    assert case["media"] == [media["id"]]
    not_media = await city.http.post("/intake/v1/media", files={"file": ("x.png", b"plain")}, headers=city.app())
    await refused(city, not_media, not_media.status_code)
    assert not_media.status_code in (415, 422)
    without = await city.http.post("/intake/v1/media", files={"wrong": ("x.png", PNG)}, headers=city.app())
    assert pointers(await refused(city, without, 422)) == ["/file"]


async def test_areas_are_listed_by_level_and_parent_with_geometry_when_asked(city: City) -> None:
    district = (await get(city, "/intake/v1/areas", city.app(), level="district"))["items"][0]
    assert district["parent"] is None
    below = await get(city, "/intake/v1/areas", city.app(), parent=district["path"], limit=500)
    assert {area["level"] for area in below["items"]} == {"street"}
    for area in below["items"]:
        has(area, path=text, name=text, level=text, centroid=point)
        assert area["parent"] == district["path"]
        assert area.get("geometry") is None
    with_shape = await get(city, "/intake/v1/areas", city.app(), level="grid", limit=1, geometry="true")
    assert with_shape["items"][0]["geometry"]["type"] in ("Polygon", "MultiPolygon")


async def test_the_catalogue_names_each_category_in_two_languages_with_its_limits(city: City) -> None:
    for category in (await get(city, "/intake/v1/catalogue", city.app(), limit=500))["items"]:
        has(category, code=text, name=words, kind=one_of("component", "matter"))
        assert category["conditions"]
        for condition in category["conditions"]:
            has(condition, key=text, name=words)
            has(condition["limit"], amount=number)
            assert re.fullmatch(r"(work|urgent)_(minute|hour|day)", condition["limit"]["unit"])


# --- lists -----------------------------------------------------------------------------------------------------------

LISTS = [
    ("/intake/v1/areas", "admin"),
    ("/intake/v1/catalogue", "admin"),
    ("/intake/v1/keys", "admin"),
    ("/dispatch/v1/cases", "acceptor"),
    ("/dispatch/v1/units", "dispatcher"),
    ("/dispatch/v1/tasks", "grid_worker"),
    ("/evaluation/v1/scorecards?object=region", "evaluator"),
    ("/evaluation/v1/scorecards?object=unit", "evaluator"),
    ("/evaluation/v1/scorecards?object=post", "evaluator"),
    ("/notify/v1/webhooks", "admin"),
]


@pytest.mark.parametrize(("path", "post"), LISTS)
async def test_every_list_has_pages_of_50_and_of_500_at_the_most(city: City, path: str, post: str) -> None:
    async def page(**parameters: Any) -> httpx.Response:
        url = httpx.URL(path).copy_merge_params(parameters)
        return await city.http.get(url, headers=city.staff(post))

    first = await page()
    assert first.status_code == 200, first.text
    items, following = first.json()["items"], first.json()["next"]
    assert len(items) <= 50
    assert following is None or (isinstance(following, str) and len(items) == 50)

    walked: list[Any] = []
    cursor: str | None = None
    for _ in range(3):
        answer = (await page(limit=1, **({"cursor": cursor} if cursor else {}))).json()
        assert len(answer["items"]) <= 1
        walked += answer["items"]
        cursor = answer["next"]
        if cursor is None:
            break

    def name(item: Any) -> Any:
        return next((item[member] for member in ("id", "path", "code", "key") if member in item), item)

    assert [name(item) for item in walked] == [name(item) for item in items[: len(walked)]]
    assert [name(item) for item in (await page(cursor="", limit="")).json()["items"]] == [name(item) for item in items]
    for bad in ({"limit": 0}, {"limit": 501}, {"limit": "many"}, {"cursor": "not-a-cursor"}):
        await refused(city, await page(**bad), 422)


# --- the case --------------------------------------------------------------------------------------------------------


async def test_a_case_has_all_its_members_from_birth_and_null_for_what_is_absent(city: City) -> None:
    case = a_case(await new_case(city, await a_grid(city)))
    absent = ("condition", "unit", "due_at")
    assert [case[name] for name in absent] == [None] * len(absent)
    assert (case["status"], case["version"], case["revision"]) == ("reported", 1, 1)
    assert (case["media"], case["assisting"], case["overdue"]) == ([], [], False)
    listed = await get(city, "/dispatch/v1/cases", city.staff("acceptor"), area=case["routing_key"], status="reported")
    assert case["id"] in [a_case(item)["id"] for item in listed["items"]]


async def test_acts_are_those_that_this_caller_may_do_now(city: City) -> None:
    case = await new_case(city, await a_grid(city))
    posts = ("acceptor", "dispatcher", "grid_worker", "auditor")
    acts = {post: set((await seen_by(city, city.staff(post), case))["acts"]) for post in posts}
    assert acts["acceptor"] >= {"accept", "decline", "request_verification"}
    assert acts["grid_worker"] == {"self_handle"}
    assert acts["dispatcher"] == acts["auditor"] == set()
    assert (await seen_by(city, city.app(), case))["acts"] == []


async def test_the_etag_is_the_revision(city: City) -> None:
    case = await new_case(city, await a_grid(city))
    answer = await city.http.get(f"/dispatch/v1/cases/{case['id']}", headers=city.staff("acceptor"))
    assert answer.headers["etag"] == f'"{answer.json()["revision"]}"'


async def test_an_act_without_if_match_is_428_and_on_a_stale_one_412_with_the_current_state(city: City) -> None:
    case = await new_case(city, await a_grid(city))
    await refused(city, await ask_act(city, city.staff("acceptor"), case, "accept", match=None), 428)
    accepted = await act(city, city.staff("acceptor"), case, "accept")
    late = await ask_act(city, city.staff("acceptor"), case, "decline")
    problem = await refused(city, late, 412)
    assert a_case(problem["case"])["status"] == "accepted"
    assert problem["case"]["acts"] == (await seen_by(city, city.staff("acceptor"), case))["acts"]
    assert late.headers["etag"] == f'"{accepted["revision"]}"'


async def test_an_etag_of_somebody_else_is_stale_and_what_is_no_etag_is_bad_input(city: City) -> None:
    case = await new_case(city, await a_grid(city))
    problem = await refused(city, await ask_act(city, city.staff("acceptor"), case, "accept", match='"abc"'), 412)
    assert problem["case"]["revision"] == 1
    await refused(city, await ask_act(city, city.staff("acceptor"), case, "accept", match="abc"), 422)
    assert (await seen_by(city, city.staff("acceptor"), case))["version"] == 1


async def test_a_verification_is_asked_for_and_answered_in_each_of_the_three_ways(city: City) -> None:
    grid = await a_grid(city)
    for outcome in ("true", "false", "not_found"):
        case = await new_case(city, grid)
        case = await act(city, city.staff("acceptor"), case, "request_verification")
        assert (case["status"], case["clock"]["stage"]) == ("verifying", "verify")
        await refused(
            city, await ask_act(city, city.staff("acceptor"), case, "answer_verification", outcome=outcome), 403
        )
        bad = await ask_act(city, city.staff("grid_worker"), case, "answer_verification", outcome="maybe")
        assert pointers(await refused(city, bad, 422)) == ["/outcome"]
        unseen = await ask_act(city, city.staff("grid_worker"), case, "answer_verification", outcome=outcome)
        assert pointers(await refused(city, unseen, 422)) == ["/location"]
        answered = {"outcome": outcome, "answered_at": "2026-11-23T08:00:00+08:00"} | await on_the_spot(city, case)
        case = await act(city, city.staff("grid_worker"), case, "answer_verification", **answered)
        assert case["status"] == "reported"
    case = await act(city, city.staff("acceptor"), case, "decline", opinion="nothing there")
    assert (case["status"], case["clock"]) == ("rejected", None)


async def test_filing_is_refused_for_good(city: City) -> None:
    case = await carried_to(city, "accepted")
    bad = await ask_act(city, city.staff("shift_leader"), case, "file", condition="no-such")
    assert pointers(await refused(city, bad, 422)) == ["/condition"]
    missing = await ask_act(city, city.staff("shift_leader"), case, "file")
    assert pointers(await refused(city, missing, 422)) == ["/condition"]
    case = await act(city, city.staff("shift_leader"), case, "refuse_filing", opinion="not the city's matter")
    assert (case["status"], case["acts"]) == ("rejected", [])


async def test_a_case_goes_to_a_lead_unit_and_those_that_assist(city: City) -> None:
    case = await carried_to(city, "filed")
    for body, pointer in (({"unit": "no-such"}, "/unit"), ({"unit": LEAD, "assisting": ["no-such"]}, "/assisting/0")):
        problem = await refused(city, await ask_act(city, city.staff("dispatcher"), case, "dispatch", **body), 422)
        assert pointers(problem) == [pointer]
    case = a_case(await act(city, city.staff("dispatcher"), case, "dispatch", unit=LEAD, assisting=[OTHER]))
    assert (case["status"], case["unit"], case["assisting"], case["condition"]) == (
        "dispatched",
        LEAD,
        [OTHER],
        "damaged",
    )
    clock = has(case["clock"], limit_s=number, used_s=number, left_s=number)
    assert (clock["stage"], clock["limit_s"]) == ("handle", 4 * 3600)
    assert clock["limit_s"] - clock["used_s"] == clock["left_s"]


async def test_a_unit_sees_and_takes_its_own_cases_only(city: City) -> None:
    filed = await carried_to(city, "filed")
    stale = {**filed, "revision": 1}
    for case in (filed, stale):
        answer = await ask_act(city, city.unit(OTHER), case, "take")
        assert answer.status_code in (403, 404, 409), answer.text
        assert "description" not in answer.text, "a case that the unit may not see is not shown to it"
    case = await act(city, city.staff("dispatcher"), filed, "dispatch", unit=LEAD)
    assert (await ask_act(city, city.unit(OTHER), case, "take")).status_code in (403, 404)
    for path in ("", "/timeline"):
        answer = await city.http.get(f"/dispatch/v1/cases/{case['id']}{path}", headers=city.unit(OTHER))
        await refused(city, answer, 404)
    assert "take" in (await seen_by(city, city.unit(LEAD), case))["acts"]
    for unit in (LEAD, OTHER):
        for item in (await get(city, "/dispatch/v1/cases", city.unit(unit), limit=500))["items"]:
            assert unit in (item["unit"], *item["assisting"])


async def test_nobody_closes_what_was_not_passed_and_rework_goes_to_the_same_unit(city: City) -> None:
    case = await carried_to(city, "handled")
    await refused(city, await ask_act(city, city.staff("shift_leader"), case, "order_rework"), 403)
    case = await act(city, city.staff("dispatcher"), case, "order_rework", opinion="the photo shows another place")
    assert (case["status"], case["unit"]) == ("handling", LEAD)
    case = await act(city, city.unit(LEAD), case, "report_handled", result="replaced")
    case = await act(city, city.staff("acceptor"), case, "request_check")
    for headers in (city.unit(LEAD), city.staff("dispatcher"), city.staff("acceptor")):
        await refused(city, await ask_act(city, headers, case, "answer_check", passed=True), 403)
    seen = await on_the_spot(city, case)
    case = await act(city, city.staff("supervisor"), case, "answer_check", passed=False, **seen)
    assert case["status"] == "checked"
    acts = set((await seen_by(city, city.staff("shift_leader"), case))["acts"])
    assert "order_rework" in acts
    assert "close" not in acts
    await refused(city, await ask_act(city, city.staff("shift_leader"), case, "close"), 409)
    await refused(city, await ask_act(city, city.staff("dispatcher"), case, "order_rework"), 403)
    case = await act(city, city.staff("shift_leader"), case, "order_rework")
    assert (case["status"], case["unit"]) == ("handling", LEAD)


async def test_a_timeline_tells_every_fact_in_order(city: City) -> None:
    case = await carried_to(city, "checking")
    path = f"/dispatch/v1/cases/{case['id']}/timeline"
    whole = await get(city, path, city.staff("auditor"))
    for item in whole["items"]:
        has(
            item, version=number, act=text, at=moment, actor=text, centre=text, post=text, to=text, evidence=each(uuid7)
        )
        assert {"from", "opinion"} <= item.keys()
    assert [item["version"] for item in whole["items"]] == list(range(1, case["version"] + 1))
    assert [item["from"] for item in whole["items"][1:]] == [item["to"] for item in whole["items"][:-1]]
    walked, cursor = [], None
    while True:
        page = await get(city, path, city.staff("auditor"), limit=3, **({"cursor": cursor} if cursor else {}))
        walked += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert walked == whole["items"]


async def test_evidence_is_media_that_was_stored_and_is_told_in_the_timeline(city: City) -> None:
    case = await new_case(city, await a_grid(city))
    media = (await city.http.post("/intake/v1/media", files={"file": PNG}, headers=city.app())).json()
    case = await act(city, city.staff("acceptor"), case, "accept", evidence=[media["id"]], opinion="seen")
    last = (await get(city, f"/dispatch/v1/cases/{case['id']}/timeline", city.staff("auditor")))["items"][-1]
    assert (last["evidence"], last["opinion"]) == ([media["id"]], "seen")


async def test_tasks_are_the_places_to_go_to(city: City) -> None:
    grid = (await streets(city))[1]
    check = await carried_to(city, "checking", grid)
    verify = await new_case(city, grid)
    verify = await act(city, city.staff("acceptor"), verify, "request_verification", assignee="grid_worker-1")
    for kind, case, assignee in (("check", check, None), ("verification", verify, "grid_worker-1")):
        found = await get(city, "/dispatch/v1/tasks", city.staff("grid_worker"), kind=kind, limit=500)
        task = next(item for item in found["items"] if item["case"] == case["id"])
        has(task, id=uuid7, location=point, due_at=moment)
        assert (task["kind"], task["area"], task["assignee"]) == (kind, grid["path"], assignee)


async def test_units_and_me(city: City) -> None:
    for unit in (await get(city, "/dispatch/v1/units", city.staff("dispatcher"), limit=500))["items"]:
        has(unit, code=text, name=text, area=text)
    clerk = await get(city, "/dispatch/v1/me", city.unit(LEAD))
    assert (clerk["post"], clerk["unit"], clerk["area"]) == ("unit_clerk", LEAD, "110108")
    acceptor = has(await get(city, "/dispatch/v1/me", city.staff("acceptor")), subject=text)
    assert (acceptor["centre"], acceptor["post"], acceptor["unit"]) == ("supervision", "acceptor", None)
    assert (await get(city, "/dispatch/v1/me", city.staff("dispatcher")))["centre"] == "command"


async def test_cases_are_filtered_by_part_of_the_city_status_unit_and_overdue(city: City) -> None:
    here, there = await streets(city)
    case = await carried_to(city, "dispatched", here)
    await new_case(city, there)

    async def listed(**parameters: Any) -> list[dict[str, Any]]:
        found = await get(city, "/dispatch/v1/cases", city.staff("dispatcher"), limit=500, **parameters)
        items: list[dict[str, Any]] = found["items"]
        return items

    street = here["path"].rsplit(".", 2)[0]
    mine = await listed(area=street, status="dispatched", unit=LEAD, overdue="false")
    assert case["id"] in [item["id"] for item in mine]
    assert all(item["routing_key"].startswith(street + ".") for item in mine)
    assert {item["status"] for item in mine} == {"dispatched"}
    assert await listed(area=street[:-1]) == [], "a prefix is of whole segments"
    assert await listed(area=street, unit=OTHER, status="dispatched") == []
    assert all(item["overdue"] for item in await listed(overdue="true"))


# --- who may see what ------------------------------------------------------------------------------------------------


async def test_a_case_outside_the_callers_area_is_404_and_in_no_list(city: City) -> None:
    here, there = await streets(city)
    narrow = await key_for(city, there["path"].rsplit(".", 2)[0], "cases:read", "reports:create", "reports:read")
    case = await new_case(city, here)
    own = await new_case(city, there)
    for path in ("", "/timeline"):
        outside = await city.http.get(f"/dispatch/v1/cases/{case['id']}{path}", headers=narrow)
        absent = await city.http.get(f"/dispatch/v1/cases/{ABSENT}{path}", headers=narrow)
        problems = [await refused(city, answer, 404) for answer in (outside, absent)]
        told = [str(problem).replace(case["id"], "").replace(ABSENT, "") for problem in problems]
        assert told[0] == told[1], "no hint that it exists"
    await refused(city, await city.http.get(f"/intake/v1/reports/{case['reports'][0]}", headers=narrow), 404)
    await refused(city, await post_report(city, report_in(here), narrow), 403)
    listed = await get(city, "/dispatch/v1/cases", narrow, limit=500)
    assert own["id"] in [item["id"] for item in listed["items"]]
    assert all(item["routing_key"].startswith(there["path"].rsplit(".", 2)[0] + ".") for item in listed["items"])
    assert (await get(city, "/dispatch/v1/cases", narrow, area=here["path"]))["items"] == []


async def test_credentials_that_are_none_are_401_and_those_of_another_centre_or_post_403(city: City) -> None:
    case = await new_case(city, await a_grid(city))
    path = f"/dispatch/v1/cases/{case['id']}"
    bad: list[Headers] = [{}, {"Authorization": "Bearer wg_no_such"}, {"Authorization": "Bearer a.b.c"}]
    for headers in bad:
        for url in (path, "/evaluation/v1/scorecards?object=region", "/notify/v1/stream", "/intake/v1/areas"):
            await refused(city, await city.http.get(url, headers=headers), 401)
        await refused(city, await ask_act(city, headers, case, "accept"), 401)
    for post in ("dispatcher", "grid_worker", "unit_clerk", "evaluator", "auditor", "admin", "subscriber"):
        await refused(city, await ask_act(city, city.staff(post), case, "accept"), 403)
    await refused(city, await ask_act(city, city.app(), case, "accept"), 403)
    await refused(city, await post_report(city, report_in(await a_grid(city)), city.staff("dispatcher")), 403)


async def test_an_act_out_of_order_is_409_and_changes_nothing(city: City) -> None:
    case = await new_case(city, await a_grid(city))
    for headers, name, body in (
        (city.staff("shift_leader"), "close", {}),
        (city.staff("shift_leader"), "file", {"condition": "damaged"}),
        (city.staff("dispatcher"), "dispatch", {"unit": LEAD}),
        (city.staff("grid_worker"), "answer_check", {"passed": True}),
    ):
        await refused(city, await ask_act(city, headers, case, name, **body), 409)
    assert (await seen_by(city, city.staff("acceptor"), case))["version"] == 1
    surprise = await ask_act(city, city.staff("acceptor"), case, "accept", surprise=1)
    assert pointers(await refused(city, surprise, 422)) == ["/surprise"]
    await refused(city, await ask_act(city, city.staff("acceptor"), case, "no_such_act"), 404)
    await refused(city, await ask_act(city, city.staff("acceptor"), {**case, "id": ABSENT}, "accept"), 404)


# --- the same request twice ------------------------------------------------------------------------------------------


async def test_a_post_sent_again_gets_the_same_answer_and_its_key_serves_no_other_body(city: City) -> None:
    grid = await a_grid(city)
    hook = {"url": "https://93.184.216.34/hook", "area": grid["path"], "types": ["case.closed.v1"]}
    app_key = {"name": "rotation", "actions": ["reports:create"], "area": grid["path"]}
    for path, headers, body, other in (
        ("/intake/v1/reports", city.app(), report_in(grid), report_in(grid, description="another")),
        ("/intake/v1/keys", city.staff("admin"), app_key, {**app_key, "name": "another"}),
        ("/notify/v1/webhooks", city.app(), hook, {**hook, "types": ["case.filed.v1"]}),
    ):
        sent = again(headers, str(uuid4()))
        first = await city.http.post(path, json=body, headers=sent)
        second = await city.http.post(path, json=body, headers=sent)
        assert first.status_code == second.status_code == 201, (path, first.text, second.text)
        assert first.json() == second.json(), path
        await refused(city, await city.http.post(path, json=other, headers=sent), 422, "idempotency-key-reused")
        if path == "/notify/v1/webhooks":
            dropped = await city.http.delete(
                f"{path}/{has(first.json(), id=uuid7, secret=text)['id']}", headers=headers
            )
            assert dropped.status_code == 204


async def test_a_key_issued_twice_with_one_idempotency_key_is_one_key(city: City) -> None:
    body = {"name": str(uuid4()), "actions": ["cases:read"], "area": "110108"}
    sent = again(city.staff("admin"), str(uuid4()))
    answers = await asyncio.gather(*[city.http.post("/intake/v1/keys", json=body, headers=sent) for _ in range(4)])
    issued = {answer.json()["key"] for answer in answers if answer.status_code == 201}
    assert len(issued) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    headers = {"Authorization": f"Bearer {issued.pop()}"}
    assert (await city.http.get("/intake/v1/reports/" + ABSENT, headers=headers)).status_code == 403
    listed = (await get(city, "/intake/v1/keys", city.staff("admin"), limit=500))["items"]
    assert len([key for key in listed if key["name"] == body["name"]]) == 1


async def test_a_file_sent_again_is_the_same_media(city: City) -> None:
    sent = again(city.app(), str(uuid4()))
    answers = [await city.http.post("/intake/v1/media", files={"file": PNG}, headers=sent) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    other = await city.http.post("/intake/v1/media", files={"file": PNG + b"\x00"}, headers=sent)
    await refused(city, other, 422, "idempotency-key-reused")


async def test_an_act_sent_again_is_done_once_and_looked_up_before_if_match(city: City) -> None:
    case = await new_case(city, await a_grid(city))
    sent = again(city.staff("acceptor"), str(uuid4()))
    first = await ask_act(city, sent, case, "accept", opinion="yes")
    second = await ask_act(city, sent, case, "accept", opinion="yes")
    without = await ask_act(city, sent, case, "accept", match=None, opinion="yes")
    assert first.status_code == second.status_code == without.status_code == 200, without.text
    assert first.json() == second.json() == without.json()
    assert first.headers["etag"] == second.headers["etag"] == '"2"'
    other = await ask_act(city, sent, case, "accept", opinion="no")
    await refused(city, other, 422, "idempotency-key-reused")
    assert (await seen_by(city, city.staff("acceptor"), case))["version"] == 2


async def test_a_report_sent_many_times_at_once_is_one_report(city: City) -> None:
    body, sent = report_in(await a_grid(city)), again(city.app(), str(uuid4()))
    answers = await asyncio.gather(*[post_report(city, body, sent) for _ in range(8)])
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1


# --- the stream ------------------------------------------------------------------------------------------------------


async def test_the_stream_gives_structured_cloudevents_of_one_part_and_of_these_types(city: City) -> None:
    here, there = await streets(city)
    street = here["path"].rsplit(".", 2)[0]
    async with streaming(
        city, city.staff("subscriber"), area=street, types="case.opened.v1,case.accepted.v1"
    ) as stream:
        found = events(stream)
        await new_case(city, there)
        case = await new_case(city, here)
        await act(city, city.staff("acceptor"), case, "accept")
        seen = [await asyncio.wait_for(anext(found), 10) for _ in range(2)]
    assert [kind for _, kind, _ in seen] == ["case.opened.v1", "case.accepted.v1"]
    for version, (token, kind, event) in enumerate(seen, start=1):
        assert token
        has(event, id=uuid7, time=moment, sequence=text, data=lambda data: isinstance(data, dict))
        assert (event["specversion"], event["source"], event["type"]) == ("1.0", "/wangge/dispatch", kind)
        assert event["subject"] == case["id"]
        assert event["datacontenttype"] == "application/json"
        assert event["partitionkey"] == event["routingkey"] == here["path"]
        assert (int(event["sequence"]), event["sequence"][0]) == (version, "0"), "the subject's version, zero-padded"


async def test_a_stream_resumes_after_its_token_and_0_is_the_oldest(city: City) -> None:
    case = await carried_to(city, "filed")
    parameters = {"area": case["routing_key"], "types": "case.*"}

    async def read(until_type: str, **more: str) -> list[tuple[str, str]]:
        async with streaming(city, {**city.staff("subscriber"), **more}, **parameters) as stream:
            got = []
            async for token, kind, event in events(stream):
                if event["subject"] == case["id"]:
                    got.append((token, kind))
                    if kind == until_type:
                        break
            return got

    whole = await asyncio.wait_for(read("case.filed.v1", **{"Last-Event-ID": "0"}), 15)
    assert [kind for _, kind in whole] == ["case.opened.v1", "case.accepted.v1", "case.filed.v1"]
    rest = await asyncio.wait_for(read("case.filed.v1", **{"Last-Event-ID": whole[0][0]}), 15)
    assert rest == whole[1:]


async def test_a_prefix_of_half_a_segment_hears_nothing_and_a_quiet_stream_says_so_within_15_s(city: City) -> None:
    grid = await a_grid(city)
    half = grid["path"].rsplit(".", 2)[0][:-1]
    async with streaming(city, city.staff("subscriber"), area=half) as stream:
        await new_case(city, grid)
        lines = stream.aiter_lines()
        seen: list[str] = []
        began = time.monotonic()
        while len([line for line in seen if line.startswith(":")]) < 2 and time.monotonic() - began < 17:
            seen.append(await asyncio.wait_for(anext(lines), 16))
        assert time.monotonic() - began <= 16
    assert not [line for line in seen if line.startswith("data:")]


async def test_a_ticket_opens_the_stream_of_its_owner_without_a_header(city: City) -> None:
    made = await city.http.post("/notify/v1/stream-tickets", headers=city.staff("subscriber"))
    assert made.status_code in (200, 201), made.text
    async with streaming(city, {}, ticket=made.json()["ticket"]):
        pass
    await refused(city, await city.http.get("/notify/v1/stream", params={"ticket": "none"}), 401)
    await refused(city, await city.http.post("/notify/v1/stream-tickets"), 401)


async def test_the_stream_refuses_other_parts_unknown_types_and_tokens_that_are_none(city: City) -> None:
    subscriber = city.staff("subscriber")
    await refused(city, await city.http.get("/notify/v1/stream", params={"area": "310101"}, headers=subscriber), 403)
    await refused(city, await city.http.get("/notify/v1/stream", params={"types": "!"}, headers=subscriber), 422)
    await refused(city, await city.http.get("/notify/v1/stream", headers={**subscriber, "Last-Event-ID": "x"}), 422)


async def test_anybody_with_the_code_follows_a_report(city: City) -> None:
    taken = (await post_report(city, report_in(await a_grid(city)))).json()
    await case_of(city, taken)
    until = time.monotonic() + 10
    while True:
        answer = await city.http.get(f"/notify/v1/track/{taken['tracking_code']}")
        if answer.status_code == 200 and answer.json()["status"] == "reported":
            break
        assert time.monotonic() < until, answer.text
        await asyncio.sleep(0.05)
    for step in answer.json()["steps"]:
        has(step, status=text, at=moment)
    await refused(city, await city.http.get("/notify/v1/track/NOSUCHCODE00"), 404)


# --- webhooks --------------------------------------------------------------------------------------------------------


async def test_a_webhook_into_a_private_network_is_refused(city: City) -> None:
    for url in (
        "http://127.0.0.1:9/x",
        "http://[::1]/x",
        "http://10.1.2.3/x",
        "http://169.254.169.254/x",
        "ftp://a.b/c",
    ):
        answer = await city.http.post("/notify/v1/webhooks", json={"url": url}, headers=city.app())
        assert pointers(await refused(city, answer, 422)) == ["/url"]
    outside = {"url": "https://93.184.216.34/x", "area": "310101"}
    await refused(city, await city.http.post("/notify/v1/webhooks", json=outside, headers=city.app()), 403)


async def test_a_webhook_gets_signed_events_where_a_setting_allows_its_network(tmp_path: Any) -> None:
    """In the other city, whose automatic acts carry a case to a unit at once."""
    got: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[1:-2]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head)}
        got.put_nowait((headers, await reader.readexactly(int(headers["content-length"]))))
        writer.write(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    settings = {"WANGGE_WEBHOOK_PRIVATE_TARGETS": "true"}
    receiver = await asyncio.start_server(receive, "127.0.0.1", 0)
    async with receiver, running(tmp_path / "data", "--no-demo", "--pack", "nyc-311", **settings) as city:
        url = f"http://127.0.0.1:{receiver.sockets[0].getsockname()[1]}/hook"
        grid = await a_grid(city)
        wanted = {"url": url, "area": grid["parent"], "types": ["case.dispatched.v1"]}
        made = (await city.http.post("/notify/v1/webhooks", json=wanted, headers=city.app())).json()
        has(made, id=uuid7, secret=text)
        category = (await get(city, "/intake/v1/catalogue", city.app(), limit=1))["items"][0]
        taken = await post_report(city, report_in(grid, category=category["code"]))
        assert taken.status_code == 201, taken.text
        headers, body = await asyncio.wait_for(got.get(), 15)
        Webhook(made["secret"]).verify(body, headers)
        event = has(json.loads(body), id=uuid7, routingkey=text)
        assert (event["type"], headers["webhook-id"]) == ("case.dispatched.v1", event["id"])
        case = await case_of(city, taken.json())
        assert event["subject"] == a_case(case)["id"]
        assert (case["status"], bool(case["unit"]), bool(case["due_at"])) == ("dispatched", True, True)
        items = (await get(city, f"/dispatch/v1/cases/{case['id']}/timeline", city.staff("auditor")))["items"]
        assert [item["act"] for item in items[1:]] == ["auto_accept", "auto_file", "auto_dispatch"]


# --- scores ----------------------------------------------------------------------------------------------------------


async def test_scorecards_are_of_a_region_a_unit_or_a_post(city: City) -> None:
    case = await carried_to(city, "handled")
    month = datetime.now(ZoneInfo("Asia/Shanghai")).strftime("%Y-%m")
    street = case["routing_key"].rsplit(".", 2)[0]
    asked = (
        ("region", street, {"area": street}),
        ("unit", LEAD, {"area": "110108", "unit": LEAD}),
        ("post", "dispatcher", {"area": street, "post": "dispatcher"}),
    )
    for kind, key, parameters in asked:
        until = time.monotonic() + 10
        while True:
            found = await get(
                city, "/evaluation/v1/scorecards", city.staff("evaluator"), object=kind, period=month, **parameters
            )
            card = a_scorecard(next(item for item in found["items"] if item["key"] == key))
            if card["counters"]["dispatch"] >= 1:
                break
            assert time.monotonic() < until, card
            await asyncio.sleep(0.1)
        assert (card["object"], card["period"]) == (kind, month)
    idle = await get(city, "/evaluation/v1/scorecards", city.staff("evaluator"), object="unit", unit="sports")
    assert set(idle["items"][0]["rates"].values()) == {None}, "nothing by nothing is not zero"
    for bad in ({"object": "city"}, {"object": "region", "period": "2026-13"}):
        await refused(
            city, await city.http.get("/evaluation/v1/scorecards", params=bad, headers=city.staff("evaluator")), 422
        )


# --- each service by itself ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", SERVICES)
async def test_each_service_says_how_it_is_and_what_it_offers(city: City, service: str) -> None:
    for path, kind in (("livez", ""), ("readyz", ""), ("docs", "text/html"), ("openapi.json", "application/json")):
        answer = await city.http.get(f"/{service}/{path}")
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith(kind)
    await refused(city, await city.http.get(f"/{service}/v1/no-such-thing", headers=city.staff("admin")), 404)


async def test_an_address_that_takes_another_method_says_so(city: City) -> None:
    await refused(city, await city.http.delete("/intake/v1/reports", headers=city.app()), 405)
    await refused(city, await city.http.put("/dispatch/v1/units", headers=city.staff("admin")), 405)
