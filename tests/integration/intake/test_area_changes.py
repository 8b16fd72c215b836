"""Areas that change in time: looked at first, planned for a day, split and merged. Each test has a city of its own."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import orjson
import shapely

from services.intake.commands.plan_areas import carry_out_due
from services.intake.queries.grid_index import refresh_grids
from shared.contracts.intake import AreaDefined, AreaRetired
from shared.kernel.place import wgs84_to_gcj02
from tests.integration.intake.conftest import (
    COMMUNITY,
    DISTRICT,
    SIDE,
    SOUTH,
    WEST,
    Place,
    collection,
    demo_areas,
    feature,
    grid,
    middle,
    square,
)

HALF = SIDE / 2


def half(column: int, row: int, *, upper: bool) -> dict[str, Any]:
    """The southern or northern half of a grid."""
    south = SOUTH + row * SIDE + (HALF if upper else 0)
    edges = (WEST + column * SIDE, south, WEST + (column + 1) * SIDE, south + HALF)
    return dict(shapely.geometry.mapping(shapely.box(*(round(edge, 6) for edge in edges))))


async def put(intake: Place, content: bytes, accept: str = "application/json", **query: str) -> httpx.Response:
    headers = {**intake.staff("admin"), "Content-Type": "application/geo+json", "Accept": accept}
    return await intake.http.put("/intake/v1/areas", content=content, params=query, headers=headers)


async def get(intake: Place, path: str, **query: str) -> Any:
    return (await intake.http.get(f"/intake/v1/{path}", params=query, headers=intake.app)).json()


async def post(intake: Place, path: str, body: Any, key: str | None = None, **query: str) -> httpx.Response:
    headers = {**intake.staff("admin"), **({} if key is None else {"Idempotency-Key": key})}
    return await intake.http.post(f"/intake/v1/areas/{path}", json=body, params=query, headers=headers)


def split_body() -> dict[str, Any]:
    return {
        "into": [
            {"path": grid(1, 1), "name": "南半", "geometry": half(1, 1, upper=False)},
            {"path": f"{COMMUNITY}.030", "name": "北半", "geometry": half(1, 1, upper=True)},
        ]
    }


def wrong() -> list[dict[str, Any]]:
    """A file with one of each: a gap, an overlap, an orphan, a code and a name twice, a grid that crosses itself."""
    bow = shapely.Polygon([(116.32, 39.9), (116.322, 39.902), (116.322, 39.9), (116.32, 39.902)])
    given = [f for f in demo_areas() if f["properties"]["path"] not in (grid(1, 1), grid(2, 0), grid(3, 0))]
    given += [
        feature(grid(3, 0), "grid", square(3, 0), "同名"),
        feature(grid(2, 0), "grid", square(2, 0, wider=SIDE / 4), "同名"),
        feature(grid(0, 0), "grid", square(0, 0)),
        feature("110108.077.001", "community", None),
        feature(f"{COMMUNITY}.040", "grid", dict(shapely.geometry.mapping(bow))),
    ]
    return given


async def test_a_dry_run_lists_everything_with_its_size_and_place_and_changes_nothing(empty_intake: Place) -> None:
    before = await empty_intake.count()
    answer = await put(empty_intake, collection(wrong()), dry_run="true")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["dry_run"] is True
    assert set(found["counts"]) == {
        "gap", "overlap", "orphan", "duplicate_code", "duplicate_name", "self_crossing"
    }, found["counts"]  # fmt: skip
    by = {each["kind"]: each for each in found["findings"]}
    assert 37_000 < by["gap"]["size_m2"] < 39_000
    assert by["gap"]["at"]["lon"] == round(middle(1, 1)["lon"], 6)
    assert 9_000 < by["overlap"]["size_m2"] < 10_000
    assert by["self_crossing"]["at"] == {"lon": 116.321, "lat": 39.901}
    assert by["duplicate_name"]["noted"] is True
    assert await empty_intake.count() == before
    assert (await put(empty_intake, collection(wrong()))).status_code == 422
    assert await empty_intake.count() == before


async def test_a_dry_run_is_drawn_as_a_map_of_one_file(empty_intake: Place) -> None:
    answer = await put(empty_intake, collection(wrong()), accept="text/html", dry_run="true")
    page = answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert page.count('class="spot"') >= 3
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


async def test_a_city_in_order_has_nothing_found(own_intake: Place) -> None:
    found = (await put(own_intake, collection(demo_areas()), dry_run="true")).json()
    assert (found["findings"], found["unchanged"], found["version"]) == ([], 19, None)


async def test_a_grid_is_split_and_its_past_stays(own_intake: Place) -> None:
    intake = own_intake
    report = (await intake.post(intake.body(location=middle(1, 1)))).json()
    before = datetime.now(UTC)
    answer = await post(intake, f"{grid(1, 1)}/split", split_body(), key="split-1")
    assert answer.status_code == 200, answer.text
    assert (answer.json()["defined"], answer.json()["retired"]) == (2, 0)
    again = await post(intake, f"{grid(1, 1)}/split", split_body(), key="split-1")
    assert again.content == answer.content
    north = await get(intake, f"areas/{COMMUNITY}.030")
    assert north["predecessors"] == [grid(1, 1)]
    assert north["valid_until"] is None
    now, then = (
        await get(intake, f"areas/{grid(1, 1)}"),
        await get(intake, f"areas/{grid(1, 1)}", at=before.isoformat()),
    )
    assert (now["name"], then["name"]) == ("南半", f"区域 {grid(1, 1)}")
    assert then["successors"] == [grid(1, 1), f"{COMMUNITY}.030"]
    old = await get(intake, "areas", level="grid", at=before.isoformat(), limit="500")
    assert len(old["items"]) == 16
    assert len((await get(intake, "areas", level="grid", limit="500"))["items"]) == 17
    fact = AreaDefined.model_validate_json((await intake.facts(f"{COMMUNITY}.030"))[-1]["data"])
    assert fact.predecessors == [grid(1, 1)]
    assert (await get(intake, f"reports/{report['id']}"))["routing_key"] == grid(1, 1)
    await refresh_grids(intake.wired.pool, intake.wired.grids, "grid")
    upper = {"lon": middle(1, 1)["lon"], "lat": middle(1, 1)["lat"] + HALF / 2}
    assert (await intake.post(intake.body(location=upper))).json()["routing_key"] == f"{COMMUNITY}.030"


async def test_grids_are_merged_and_those_that_end_say_what_they_became(own_intake: Place) -> None:
    intake = own_intake
    body = {"areas": [grid(0, 0), grid(0, 1)], "into": {"path": f"{COMMUNITY}.031", "name": "合并网格"}}
    answer = await post(intake, "merge", body)
    assert (answer.json()["defined"], answer.json()["retired"]) == (1, 2), answer.text
    gone = await intake.http.get(f"/intake/v1/areas/{grid(0, 0)}", headers=intake.app)
    assert gone.status_code == 404
    assert gone.json()["successors"] == [f"{COMMUNITY}.031"]
    assert f"it became {COMMUNITY}.031" in gone.json()["detail"]
    now = {"at": datetime.now(UTC).isoformat()}
    late = await intake.http.get(f"/intake/v1/areas/{grid(0, 0)}", params=now, headers=intake.app)
    assert (late.status_code, "there was no area" in late.json()["detail"]) == (404, True)
    fact = AreaRetired.model_validate_json((await intake.facts(grid(0, 1)))[-1]["data"])
    assert fact.successors == [f"{COMMUNITY}.031"]
    versions = (await get(intake, "area-versions"))["items"]
    assert [(v["version"], v["defined"], v["retired"]) for v in versions] == [(2, 1, 2), (1, 19, 0)]


async def test_what_cannot_be_split_or_merged_is_refused_in_words(own_intake: Place) -> None:
    intake = own_intake
    lost = split_body()
    lost["into"][1]["geometry"] = square(1, 1)
    apart = {"areas": [grid(0, 0), grid(2, 2)], "into": {"path": f"{COMMUNITY}.031", "name": "x"}}
    beyond = {"areas": [grid(0, 0), grid(0, 1)], "into": {"path": f"{DISTRICT}.099.001", "name": "x"}}
    short = split_body()
    short["into"][1]["geometry"] = half(1, 2, upper=True)
    for path, body, status, words in (
        (f"{grid(1, 1)}/split", lost, 422, "overlap by"),
        (f"{grid(1, 1)}/split", short, 422, "do not cover what"),
        (f"{COMMUNITY}/split", split_body(), 409, "there are areas below"),
        (f"{COMMUNITY}.099/split", split_body(), 404, "there is no area"),
        ("merge", apart, 422, "side by side"),
        ("merge", beyond, 422, "lie in one area"),
    ):
        answer = await post(intake, path, body)
        assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text
    assert (await get(intake, "area-versions"))["items"][0]["version"] == 1


async def test_a_planned_change_takes_effect_on_its_day_exactly_once(own_intake: Place) -> None:
    intake, wired = own_intake, own_intake.wired
    day = datetime.now(UTC) + timedelta(days=3)
    new = collection([feature(f"{COMMUNITY}.020", "grid", square(4, 0))])
    answer = await put(intake, new, effective=day.isoformat(), note="街道会议")
    assert answer.status_code == 202, answer.text
    assert answer.json()["version"] is None
    plan = answer.json()["plan"]
    assert (await get(intake, f"area-plans/{plan}"))["status"] == "waiting"
    assert not await carry_out_due(wired.pool, wired.outbox, wired.clock, wired.area_rules)
    assert await intake.facts(f"{COMMUNITY}.020") == []

    def later() -> datetime:
        return day + timedelta(seconds=2)

    workers = [carry_out_due(wired.pool, wired.outbox, later, wired.area_rules) for _ in range(4)]
    await asyncio.gather(*workers)
    (fact,) = await intake.facts(f"{COMMUNITY}.020")
    done = await get(intake, f"area-plans/{plan}")
    assert (done["status"], done["version"], done["note"]) == ("done", fact["sequence"], "街道会议")
    await refresh_grids(wired.pool, wired.grids, "grid")
    assert wired.grids.current.version == done["version"]
    on_the_day = await get(intake, f"areas/{COMMUNITY}.020", at=day.isoformat())
    assert datetime.fromisoformat(on_the_day["valid_from"]) == day
    before = await intake.http.get(f"/intake/v1/areas/{COMMUNITY}.020", params={"at": "2026-01-01"}, headers=intake.app)
    assert before.status_code == 404
    assert not await carry_out_due(wired.pool, wired.outbox, later, wired.area_rules)


async def test_a_plan_that_became_wrong_is_refused_with_the_reason_and_does_not_hold_up_the_next(
    own_intake: Place,
) -> None:
    intake, wired = own_intake, own_intake.wired
    day = datetime.now(UTC) + timedelta(days=1)
    plans = []
    for column, path in ((4, f"{COMMUNITY}.020"), (5, f"{COMMUNITY}.021")):
        new = collection([feature(path, "grid", square(column, 0))])
        plans.append((await put(intake, new, effective=day.isoformat())).json()["plan"])
    await put(intake, collection([feature(f"{COMMUNITY}.022", "grid", square(4, 0))]))
    while await carry_out_due(wired.pool, wired.outbox, lambda: day, wired.area_rules):
        pass
    refused, done = [await get(intake, f"area-plans/{plan}") for plan in plans]
    assert (refused["status"], done["status"]) == ("refused", "done")
    assert "overlap by" in refused["wrong"]["detail"]


async def test_a_plan_is_withdrawn_before_its_day_and_not_after(own_intake: Place) -> None:
    intake, wired = own_intake, own_intake.wired
    new = collection([feature(f"{COMMUNITY}.020", "grid", square(4, 0))])
    plan = (await put(intake, new, effective="2099-01-01")).json()["plan"]
    assert (await get(intake, f"area-plans/{plan}"))["effective_at"] == "2098-12-31T16:00:00Z"
    headers = intake.staff("admin")
    gone = await intake.http.delete(f"/intake/v1/area-plans/{plan}", headers=headers)
    assert gone.json()["status"] == "withdrawn"
    late = datetime(2099, 1, 2, tzinfo=UTC)
    assert not await carry_out_due(wired.pool, wired.outbox, lambda: late, wired.area_rules)
    for path, status in ((f"area-plans/{plan}", 409), (f"area-plans/{UUID(int=1)}", 404)):
        assert (await intake.http.delete(f"/intake/v1/{path}", headers=headers)).status_code == status
    assert (await put(intake, new, effective="2020-01-01")).json()["type"] == "/problems/bad-effective"
    assert (await put(intake, new, effective="morgen")).json()["type"] == "/problems/bad-effective"


async def test_a_file_in_another_datum_lands_where_it_belongs_and_one_unsaid_is_noted(own_intake: Place) -> None:
    intake = own_intake
    shifted = orjson.loads(collection(demo_areas()))
    for each in shifted["features"]:
        if each["geometry"]:
            rings = each["geometry"]["coordinates"]
            each["geometry"]["coordinates"] = [[list(wgs84_to_gcj02(*point)) for point in ring] for ring in rings]
    content = orjson.dumps(shifted)
    unsaid = (await put(intake, content, dry_run="true")).json()
    assert unsaid["counts"] == {"datum": 1}, unsaid["findings"]
    assert "read as gcj02" in unsaid["findings"][0]["message"]
    assert (await put(intake, content, datum="gcj02")).status_code == 200
    here = await get(intake, f"areas/{grid(1, 1)}")
    assert abs(here["centroid"]["lon"] - middle(1, 1)["lon"]) < 1e-7


async def test_bad_splits_point_to_what_is_wrong_and_change_nothing(own_intake: Place) -> None:
    intake = own_intake
    deep: Any = []
    for _ in range(200):
        deep = [deep]
    cases: list[tuple[Any, str]] = [
        ({"type": "Polygon", "coordinates": deep}, "/into/1/geometry"),
        ({"type": "Polygon", "coordinates": [[[10**30, 0], [1, 1], [1, 0]]]}, "/into/1/geometry"),
        ({"type": "Point", "coordinates": [116.301, 39.901]}, "/into/1"),
        ([1], "/into/1/geometry"),
    ]
    for geometry, pointer in cases:
        body = split_body()
        body["into"][1]["geometry"] = geometry
        answer = await post(intake, f"{grid(1, 1)}/split", body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"] == pointer
    for path, body in (
        ("a..b/split", split_body()),
        ("merge", {"areas": ["a..b", grid(0, 0)], "into": {"path": grid(0, 0), "name": "x"}}),
        ("merge", {"areas": [grid(0, 0)], "into": {"path": grid(0, 0), "name": "x"}}),
        ("merge", {"areas": [grid(0, 0), grid(0, 1)], "into": {"path": grid(0, 0), "name": "x\x00"}}),
    ):
        assert (await post(intake, path, body)).status_code == 422
    for query in ({"effective": "31.12.2027"}, {"note": "x" * 501}, {"dry_run": "perhaps"}):
        assert (await post(intake, f"{grid(1, 1)}/split", split_body(), **query)).status_code == 422
    assert (await get(intake, "area-versions"))["items"][0]["version"] == 1


async def test_only_who_may_write_areas_and_only_in_their_own(own_intake: Place) -> None:
    intake = own_intake
    url = f"/intake/v1/areas/{grid(1, 1)}/split"
    assert (await intake.http.post(url, json=split_body(), headers=intake.app)).status_code == 403
    elsewhere = intake.staff("admin", area="110108.099")
    answer = await intake.http.post(url, json=split_body(), headers=elsewhere)
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/outside-scope")
    new = collection([feature(f"{COMMUNITY}.020", "grid", square(4, 0))])
    headers = {**elsewhere, "Content-Type": "application/geo+json"}
    answer = await intake.http.put("/intake/v1/areas", content=new, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/outside-scope")


async def test_a_key_that_was_used_for_another_split_is_refused(own_intake: Place) -> None:
    intake = own_intake
    assert (await post(intake, f"{grid(1, 1)}/split", split_body(), key="one")).status_code == 200
    answer = await post(intake, f"{grid(1, 1)}/split", {**split_body(), "datum": "cgcs2000"}, key="one")
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/idempotency-key-reused")
