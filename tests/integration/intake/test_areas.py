"""Areas: read, imported, refused, seen by the index. The tests that change areas have a city of their own."""

import asyncio
import time
from typing import Any

import httpx
import pytest

from services.intake.commands.import_areas import import_areas
from services.intake.grids.reading import from_features
from services.intake.queries.grid_index import refresh_grids
from shared.contracts.intake import AreaDefined, AreaRetired
from shared.packs.geography import areas as pack_areas
from tests.integration.intake.conftest import (
    COMMUNITY,
    DISTRICT,
    SIDE,
    STREET,
    Place,
    collection,
    demo_areas,
    feature,
    grid,
    middle,
    square,
)


async def put(intake: Place, content: bytes, media_type: str = "application/geo+json", **query: str) -> httpx.Response:
    headers = {**intake.staff("admin"), "Content-Type": media_type}
    return await intake.http.put("/intake/v1/areas", content=content, params=query, headers=headers)


async def test_areas_are_listed_by_level_and_parent_with_a_cursor(intake: Place) -> None:
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query: dict[str, str] = {"level": "grid", "limit": "5", **({"cursor": cursor} if cursor else {})}
        page = (await intake.http.get("/intake/v1/areas", params=query, headers=intake.app)).json()
        seen += [item["path"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == sorted(grid(c, r) for c in range(4) for r in range(4))
    one = page["items"][0]
    assert set(one) >= {"path", "name", "level", "centroid", "parent"}
    assert one["parent"] == COMMUNITY
    assert one["geometry"] is None
    below = (await intake.http.get("/intake/v1/areas", params={"parent": STREET}, headers=intake.app)).json()
    assert [item["path"] for item in below["items"]] == [COMMUNITY]
    deep = {"parent": DISTRICT, "level": "grid", "limit": "500", "geometry": "true"}
    found = (await intake.http.get("/intake/v1/areas", params=deep, headers=intake.app)).json()["items"]
    assert len(found) == 16
    assert found[0]["geometry"]["type"] == "Polygon"


async def test_one_area_is_read(intake: Place) -> None:
    one = (await intake.http.get(f"/intake/v1/areas/{grid(2, 1)}?geometry=true", headers=intake.app)).json()
    assert (one["level"], one["parent"]) == ("grid", COMMUNITY)
    assert one["centroid"] == pytest.approx(middle(2, 1), abs=1e-9)
    assert one["geometry"]["type"] == "Polygon"
    above = (await intake.http.get(f"/intake/v1/areas/{DISTRICT}", headers=intake.app)).json()
    assert above["parent"] is None
    assert above["centroid"] == pytest.approx({"lon": 116.304, "lat": 39.904}, abs=1e-6)


@pytest.mark.parametrize(
    ("query", "status", "slug"),
    [
        ("?level=galaxy", 422, "unknown-level"),
        ("?parent=a..b", 422, "bad-area-path"),
        ("?cursor=nonsense", 422, "bad-cursor"),
        ("?limit=501", 422, "invalid"),
        ("/110108.999", 404, "area-not-found"),
    ],
)
async def test_a_bad_question_is_refused(intake: Place, query: str, status: int, slug: str) -> None:
    answer = await intake.http.get(f"/intake/v1/areas{query}", headers=intake.app)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{slug}")


async def test_only_an_admin_puts_areas(intake: Place) -> None:
    headers = {**intake.staff("shift_leader"), "Content-Type": "application/geo+json"}
    answer = await intake.http.put("/intake/v1/areas", content=collection(demo_areas()), headers=headers)
    assert answer.status_code == 403


async def test_areas_that_stand_as_given_are_not_published_again(intake: Place) -> None:
    before = await intake.count()
    answer = await put(intake, collection(demo_areas()))
    assert answer.json()["defined"] == 0
    assert answer.json()["unchanged"] == 19
    assert await intake.count() == before
    (fact,) = await intake.facts(grid(0, 0))
    data = AreaDefined.model_validate_json(fact["data"])
    assert (data.path, data.level, data.parent, fact["key"]) == (grid(0, 0), "grid", COMMUNITY, grid(0, 0))
    assert data.geometry is not None
    assert data.geometry["type"] == "Polygon"
    assert data.version == fact["sequence"]


def overlapping() -> list[dict[str, Any]]:
    return [f for f in demo_areas() if f["properties"]["path"] != grid(1, 1)] + [
        feature(grid(1, 1), "grid", square(1, 1, wider=SIDE / 4))
    ]


NEW = f"{COMMUNITY}.050"
LINE = {"type": "LineString", "coordinates": [[116, 39], [117, 39]]}
FAR = {"type": "Polygon", "coordinates": [[[200, 0], [201, 0], [201, 1], [200, 0]]]}
BAD: list[tuple[str, bytes, str, str]] = [
    ("an overlap", collection(overlapping()), "areas-refused", "overlap by"),
    ("an orphan", collection([feature("110108.077.001", "community", None)]), "areas-refused", "orphan"),
    ("a path twice", collection([feature(STREET, "street", None)] * 2), "areas-refused", "defined twice"),
    ("an unknown level", collection([feature("110108.013", "planet", None)]), "areas-refused", "level 'planet'"),
    ("a bad path", collection([feature("110108..1", "street", None)]), "areas-refused", "not an area path"),
    ("a line for a grid", collection([feature(NEW, "grid", LINE)]), "areas-refused", "must be a Polygon"),
    ("off the earth", collection([feature(NEW, "grid", FAR)]), "areas-refused", "degrees WGS 84"),
    ("no coordinates", collection([feature(NEW, "grid", {"type": "Polygon"})]), "areas-refused", "cannot be read"),
    ("no GeoJSON", b'{"type": "x"}', "unreadable-areas", "FeatureCollection"),
    ("no JSON", b"{", "unreadable-areas", "not JSON"),
]


@pytest.mark.parametrize(("what", "content", "slug", "words"), BAD, ids=[each[0] for each in BAD])
async def test_areas_that_are_wrong_are_refused_with_a_list(
    intake: Place, what: str, content: bytes, slug: str, words: str
) -> None:
    before = await intake.count()
    answer = await put(intake, content)
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (422, f"/problems/{slug}"), problem
    assert words in problem["detail"]
    assert await intake.count() == before


async def test_a_new_grid_a_changed_one_and_a_retired_one(own_intake: Place) -> None:
    intake = own_intake
    beyond = {"lon": middle(4, 0)["lon"], "lat": middle(4, 0)["lat"]}
    assert (await intake.post(intake.body(location=beyond))).json()["type"] == "/problems/outside-every-grid"
    new = [feature(f"{COMMUNITY}.020", "grid", square(4, 0)), feature(grid(0, 0), "grid", square(0, 0), "新名称")]
    answer = (await put(intake, collection(new))).json()
    assert (answer["defined"], answer["unchanged"], answer["retired"]) == (2, 0, 0)
    async with asyncio.timeout(5):
        while (await intake.post(intake.body(location=beyond))).status_code != 201:
            await asyncio.sleep(0.05)
    renamed = await intake.facts(grid(0, 0))
    assert [fact["sequence"] for fact in renamed] == [1, answer["version"]]
    kept = [f for f in demo_areas() if f["properties"]["path"] != grid(3, 3)]
    answer = (await put(intake, collection(kept), retire_below=DISTRICT)).json()
    assert (answer["defined"], answer["retired"]) == (1, 2)
    gone = AreaRetired.model_validate_json((await intake.facts(grid(3, 3)))[-1]["data"])
    assert (gone.path, gone.version) == (grid(3, 3), answer["version"])
    assert (await intake.http.get(f"/intake/v1/areas/{grid(3, 3)}", headers=intake.app)).status_code == 404
    async with asyncio.timeout(5):
        while (await intake.post(intake.body(location=middle(3, 3)))).status_code != 422:
            await asyncio.sleep(0.05)


async def test_csv_is_taken_as_well(own_intake: Place) -> None:
    wkt = "POLYGON((116.308 39.9,116.31 39.9,116.31 39.902,116.308 39.902,116.308 39.9))"
    text = f'path,name,level,geometry\n110108.013,新街道,street,\n{COMMUNITY}.020,新网格,grid,"{wkt}"\n'
    answer = await put(own_intake, text.encode(), "text/csv")
    assert answer.json()["defined"] == 2, answer.text


async def test_two_imports_at_once_leave_one_of_them_after_the_other(own_intake: Place) -> None:
    names = ["甲", "乙", "丙"]
    answers = await asyncio.gather(
        *(put(own_intake, collection([feature(grid(0, 0), "grid", square(0, 0), name)])) for name in names)
    )
    assert sorted(a.json()["version"] for a in answers) == [2, 3, 4]
    current = await own_intake.wired.pool.fetch(
        "SELECT name FROM intake.areas WHERE path = $1 AND ended_at IS NULL", grid(0, 0)
    )
    assert len(current) == 1


async def test_a_whole_district_is_imported_and_served(empty_intake: Place) -> None:
    wired = empty_intake.wired
    given = from_features(pack_areas(wired.pack))
    levels = [level.key for level in wired.pack.levels]
    began = time.perf_counter()
    done = await import_areas(wired.pool, wired.outbox, wired.clock, given, levels=levels, tolerance_m2=10.0)
    took = time.perf_counter() - began
    assert done.defined == len(given) > 9_000
    assert took < 6, f"{took:.1f} s; alone on two cores it takes 0.9 s"
    again = await import_areas(wired.pool, wired.outbox, wired.clock, given, levels=levels, tolerance_m2=10.0)
    assert (again.defined, again.version) == (0, done.version)
    assert (await empty_intake.count())[1] == len(given) + 1  # and the fact of the test's key
    await refresh_grids(wired.pool, wired.grids, levels[-1])
    centres = [area for area in given if area.level == levels[-1]][::97]
    for area in centres:
        place = wired.grids.current.centre_of(area.path)
        assert place is not None
        assert wired.grids.current.locate(place) == area.path
