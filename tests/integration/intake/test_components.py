"""The registry of components: put, read, list, history, suggestions, reports on them, ownership."""

import asyncio
import json
from collections.abc import Iterator
from itertools import count
from math import hypot
from random import Random
from typing import Any

import httpx
import orjson
import pytest

from services.intake.commands.keep_components import keep_components
from services.intake.domain.cells import metres_per_degree
from services.intake.domain.component import Component
from services.intake.store import components as store
from services.intake.store.component_rows import rows_of
from shared.kernel.place import Place as Point
from shared.postgres import transaction
from tests.integration.intake.conftest import COMMUNITY, SIDE, SOUTH, WEST, Place, grid, middle

ROUTE = "/intake/v1/components"
SERIALS: Iterator[int] = count(1)


def code(kind: str = "01001") -> str:
    """A code of its own for each test."""
    return f"110108{kind}{next(SERIALS):06}"


def body(column: int = 1, row: int = 1, **more: Any) -> dict[str, Any]:
    return {"location": middle(column, row), **more}


async def put(place: Place, name: str, sent: Any, headers: Any = None, **more: Any) -> httpx.Response:
    content = json.dumps(sent).replace("Infinity", "1e999")
    kind = {"Content-Type": "application/json"}
    return await place.http.put(
        f"{ROUTE}/{name}", content=content, headers=(headers or place.staff("admin")) | kind | more
    )


async def get(place: Place, path: str, headers: Any = None, **query: Any) -> httpx.Response:
    return await place.http.get(f"{ROUTE}{path}", params=query, headers=headers or place.app)


async def items(place: Place, path: str = "", headers: dict[str, str] | None = None, **query: Any) -> list[Any]:
    """All pages."""
    found: list[Any] = []
    cursor = None
    while True:
        answer = await get(place, path, headers, **query, **({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        cursor = answer.json()["next"]
        if cursor is None:
            return found


async def test_what_is_put_is_read_with_its_grid(intake: Place) -> None:
    mine = code()
    sent = body(2, 3, owner="91110108MA00000001", owner_name="自来水集团", surveyed_on="2024-03-01",
                attributes={"material": "铸铁", "depth": 1.5})  # fmt: skip
    answer = await put(intake, mine, sent)
    assert answer.status_code == 201, answer.text
    assert answer.headers["etag"] == '"1"'
    read = await get(intake, f"/{mine}")
    assert read.json() == answer.json()
    shown = read.json()
    assert (shown["code"], shown["kind"], shown["standard"]) == (mine, "01001", "GB/T 47678.5-2026")
    assert (shown["area"], shown["name"], shown["state"]) == (grid(2, 3), "供水井盖", "intact")
    assert shown["attributes"] == {"material": "铸铁", "depth": 1.5}
    assert shown["location"] == pytest.approx(middle(2, 3))


async def test_put_again_as_it_stands_nothing_happens(intake: Place) -> None:
    mine = code()
    first = await put(intake, mine, body(owner="water"))
    second = await put(intake, mine, body(owner="water"))
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json()
    assert len(await items(intake, f"/{mine}/history")) == 1


async def test_history_tells_each_version_and_what_changed(intake: Place) -> None:
    mine = code()
    steps = [
        body(owner="不明"),
        body(owner="water"),
        body(3, 3, owner="water"),
        body(3, 3, owner="water", state="removed"),
    ]
    for step in steps:
        assert (await put(intake, mine, step)).status_code in (200, 201)
    whole = await items(intake, f"/{mine}/history")
    assert [each["version"] for each in whole] == [4, 3, 2, 1]
    assert [each["changed"] for each in whole] == [["state"], ["area", "lon", "lat"], ["owner"], []]
    assert [each["until"] for each in whole] == [None, *(each["since"] for each in whole[:-1])]
    assert whole[-1]["owner"] is None
    assert whole[1]["area"] == grid(3, 3)
    assert {each["by"] for each in whole} == {"admin-1"}
    for size in (1, 2, 3):
        assert await items(intake, f"/{mine}/history", limit=size) == whole, "page by page it is the same"


async def test_if_match_keeps_two_people_from_undoing_each_other(intake: Place) -> None:
    mine = code()
    assert (await put(intake, mine, body(), **{"If-Match": '"1"'})).status_code == 412
    await put(intake, mine, body())
    assert (await put(intake, mine, body(owner="water"), **{"If-Match": '"1"'})).headers["etag"] == '"2"'
    stale = await put(intake, mine, body(owner="gas"), **{"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["type"]) == (412, "/problems/component-changed")
    assert "version 2" in stale.json()["detail"]


async def test_many_at_once_on_one_component_leave_no_gap(intake: Place) -> None:
    mine = code()
    answers = await asyncio.gather(*(put(intake, mine, body(note=f"改 {n}")) for n in range(12)))
    assert sorted(answer.headers["etag"] for answer in answers) == sorted(f'"{n}"' for n in range(1, 13))
    assert [each["version"] for each in await items(intake, f"/{mine}/history")] == [*range(12, 0, -1)]


BAD: list[tuple[str, str, dict[str, Any], str, str]] = [
    ("a wrong class", "11010809001000001", {}, "bad-component-code", "path code"),
    ("another district", "11010501001000001", {}, "bad-component-code", "path code"),
    ("letters", "1101080100100000A", {}, "bad-component-code", "path code"),
    ("outside", "", {"location": {"lon": 120.0, "lat": 30.0}}, "outside-every-grid", "/location"),
    ("swapped", "", {"location": {"lon": 39.9, "lat": 116.3}}, "invalid", "/location/lat"),
    ("a field too many", "", {"colour": "red"}, "invalid", "/colour"),
    ("a state", "", {"state": "new"}, "invalid", "/state"),
    ("an unknown successor", "", {"successor": "11010801001999999"}, "bad-component", "/successor"),
    ("a bad successor", "", {"successor": "12"}, "bad-component-code", "/successor"),
    ("changed before surveyed", "", {"surveyed_on": "2024-01-02", "changed_on": "2024-01-01"}, "bad-component",
     "/changed_on"),
    ("nested attributes", "", {"attributes": {"a": [1]}}, "invalid", "/attributes/a/str"),
    ("an endless number", "", {"attributes": {"a": 1e999}}, "bad-component", "/attributes"),
    ("a number too large", "", {"attributes": {"a": 2**63}}, "bad-component", "/attributes"),
    ("too many attributes", "", {"attributes": {str(n): n for n in range(41)}}, "bad-component", "/attributes"),
    ("NUL", "", {"note": "a\x00b"}, "invalid", "/note"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "name", "more", "slug", "pointer"), BAD, ids=[row[0] for row in BAD])
async def test_what_cannot_be_kept(
    intake: Place, what: str, name: str, more: dict[str, Any], slug: str, pointer: str
) -> None:
    answer = await put(intake, name or code(), body() | more)
    assert answer.status_code == 422, answer.text
    assert answer.json()["type"] == f"/problems/{slug}"
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_its_own_code_is_neither_former_code_nor_successor(intake: Place) -> None:
    mine = code()
    for field in ("former_code", "successor"):
        answer = await put(intake, mine, body() | {field: mine})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"/{field}")


async def test_who_may(intake: Place) -> None:
    mine = code()
    assert (await put(intake, mine, body(), intake.staff("acceptor"))).status_code == 403
    assert (await put(intake, mine, body(), intake.app)).status_code == 403
    assert (await put(intake, mine, body(), intake.staff("admin", area=grid(2, 2)))).status_code == 403
    await put(intake, mine, body())
    assert (await get(intake, f"/{mine}", intake.staff("unit_clerk"))).status_code == 200
    assert (await get(intake, f"/{mine}", intake.staff("admin", area=grid(2, 2)))).status_code == 404
    assert (await put(intake, mine, body(2, 2), intake.staff("admin", area=grid(2, 2)))).status_code == 403
    limited = await intake.key(area=COMMUNITY, categories=("01037",))
    assert (await get(intake, f"/{mine}", limited)).status_code == 404
    assert (await get(intake, "", limited, kind="01001")).json()["items"] == []
    assert (await get(intake, f"/{code()}")).json()["type"] == "/problems/component-not-found"
    assert (
        await get(intake, "/nearest", await intake.key(actions=("reports:create",)), lon=1, lat=1)
    ).status_code == 403
    assert (await get(intake, "", intake.staff("admin", area=grid(2, 2)), area=grid(1, 1))).status_code == 403


KINDS = ("01001", "01002", "01037", "04007")


async def furnished(place: Place, number: int, seed: int = 1) -> list[Component]:
    """Components all over the sixteen grids."""
    chance = Random(seed)
    made = []
    for n in range(number):
        lon, lat = WEST + chance.random() * 4 * SIDE, SOUTH + chance.random() * 4 * SIDE
        at = place.wired.grids.current.locate(Point(lon, lat))
        kind = chance.choice(KINDS)
        owner = chance.choice(("water", "gas", None))
        state = "removed" if n % 10 == 0 else "intact"
        made.append(Component(int(f"110108{kind}{n + 1:06}"), kind, at or "", lon, lat, state, kind, owner=owner))
    async with transaction(place.wired.pool) as tx:
        done = await keep_components(tx, rows_of(made, "test"))
    assert done.added == number
    return made


@pytest.fixture
async def full(own_intake: Place) -> tuple[Place, list[Component]]:
    return own_intake, await furnished(own_intake, 1_500)


async def test_lists_hold_just_what_was_asked_for(full: tuple[Place, list[Component]]) -> None:
    place, all_of_them = full
    west, south, east, north = box = (WEST + 0.5 * SIDE, SOUTH + 0.7 * SIDE, WEST + 2.2 * SIDE, SOUTH + 3.1 * SIDE)
    asked: list[tuple[dict[str, Any], Any]] = [
        ({}, lambda c: True),
        ({"area": grid(1, 2)}, lambda c: c.area == grid(1, 2)),
        ({"area": COMMUNITY, "kind": "01037"}, lambda c: c.kind == "01037"),
        ({"area": grid(1, 2), "kind": "01037"}, lambda c: c.area == grid(1, 2) and c.kind == "01037"),
        ({"kind": "04007"}, lambda c: c.kind == "04007"),
        ({"owner": "gas"}, lambda c: c.owner == "gas"),
        ({"owner": "gas", "kind": "01001", "state": "removed"},
         lambda c: c.owner == "gas" and c.kind == "01001" and c.removed),
        ({"owned": "false"}, lambda c: c.owner is None),
        ({"state": ["removed", "damaged"]}, lambda c: c.removed),
        ({"bbox": ",".join(map(str, box))}, lambda c: west <= c.lon <= east and south <= c.lat <= north),
        ({"bbox": ",".join(map(str, box)), "kind": "01001", "owned": "true"},
         lambda c: west <= c.lon <= east and south <= c.lat <= north and c.kind == "01001" and c.owner is not None),
        ({"bbox": "-180,-90,180,90"}, lambda c: True),
        ({"bbox": "10,10,11,11"}, lambda c: False),
    ]  # fmt: skip
    for query, wanted in asked:
        found = [item["code"] for item in await items(place, **query, limit=97)]
        assert len(found) == len(set(found)), query
        assert sorted(found) == sorted(str(c.code) for c in all_of_them if wanted(c)), query


async def test_a_cursor_is_of_its_own_list(full: tuple[Place, list[Component]]) -> None:
    place, _ = full
    cursor = (await get(place, "", kind="01001", limit=2)).json()["next"]
    for query in ({}, {"owner": "gas"}):
        answer = await get(place, "", **query, cursor=cursor)
        assert answer.json()["type"] == "/problems/bad-cursor"
    assert (await get(place, "", bbox="1,2,3")).json()["errors"][0]["pointer"] == "?bbox"
    assert (await get(place, "", bbox="39,116,40,117")).status_code == 422


async def test_suggestions_are_the_nearest_that_stand(full: tuple[Place, list[Component]]) -> None:
    place, all_of_them = full
    chance = Random(2)
    for _ in range(60):
        lon, lat = WEST + chance.random() * 4 * SIDE, SOUTH + chance.random() * 4 * SIDE
        kind, within = chance.choice((*KINDS, None)), chance.choice((20, 100, 900))
        per_lon, per_lat = metres_per_degree(lat)
        near = sorted(
            (hypot((c.lon - lon) * per_lon, (c.lat - lat) * per_lat), c.code)
            for c in all_of_them
            if not c.removed and kind in (None, c.kind)
        )
        expected = [(str(c), round(d, 1)) for d, c in near if d <= within][:4]
        query = {"lon": lon, "lat": lat, "within": within, "limit": 4} | ({"kind": kind} if kind else {})
        found = (await get(place, "/nearest", **query)).json()["items"]
        assert [(each["code"], each["distance_m"]) for each in found] == expected


async def test_ownership_is_counted_by_area_and_by_kind(full: tuple[Place, list[Component]]) -> None:
    place, all_of_them = full
    standing = [c for c in all_of_them if not c.removed]
    owned = [c for c in standing if c.owner is not None]
    answer = (await get(place, "/ownership", area=COMMUNITY)).json()
    assert answer["whole"] == {
        "key": COMMUNITY, "components": len(standing), "owned": len(owned),
        "rate": round(100 * len(owned) / len(standing), 2),
    }  # fmt: skip
    assert [each["key"] for each in answer["items"]] == sorted({c.area for c in standing})
    for each in answer["items"]:
        assert each["components"] == sum(c.area == each["key"] for c in standing)
        assert each["owned"] == sum(c.area == each["key"] for c in owned)
    kinds = (await get(place, "/ownership", by="kind")).json()
    assert {each["key"]: each["components"] for each in kinds["items"]} == {
        kind: sum(c.kind == kind for c in standing) for kind in KINDS
    }
    one = (await get(place, "/ownership", by="kind", kind="01037", area=grid(0, 0))).json()["whole"]
    assert one["components"] == sum(c.kind == "01037" and c.area == grid(0, 0) for c in standing)
    nothing = (await get(place, "/ownership", by="kind", kind="01050")).json()["whole"]
    assert (nothing["components"], nothing["rate"]) == (0, None)


async def test_a_report_on_a_component_lies_where_it_stands(intake: Place) -> None:
    mine, old = code(), "1101080101900001"
    await put(intake, mine, body(3, 2, former_code=old))
    for given in (mine, old):
        answer = await intake.post(intake.body(location={"component": given}))
        assert answer.status_code == 201, answer.text
        assert answer.json()["routing_key"] == grid(3, 2)
        (fact,) = await intake.facts(answer.json()["id"])
        told = orjson.loads(fact["data"])
        assert told["component"] == mine
        assert told["location"] == pytest.approx(middle(3, 2))
    lines = [intake.body(location=where) for where in ({"component": mine}, middle(0, 0), {"component": "1"})]
    sent = b"\n".join(map(orjson.dumps, lines))
    headers = intake.app | {"Content-Type": "application/x-ndjson"}
    batch = await intake.http.post("/intake/v1/reports/batch", content=sent, headers=headers)
    outcomes = [orjson.loads(line) for line in batch.content.splitlines()]
    assert [line["status"] for line in outcomes] == [201, 201, 422]
    assert outcomes[2]["problem"]["type"] == "/problems/unknown-component"
    shown = await items(intake, f"/{mine}/reports", limit=2)
    assert shown[0]["id"] == outcomes[0]["id"], "the latest first"
    assert len(shown) == 3
    assert {each["status"] for each in shown} == {"received"}
    assert (await get(intake, f"/{mine}/reports", intake.staff("unit_clerk"))).status_code == 403


async def test_a_component_shows_its_cases(intake: Place) -> None:
    mine = code()
    await put(intake, mine, body())
    report = (await intake.post(intake.body(location={"component": mine}))).json()["id"]
    case = "01a20847-0000-7000-8000-000000000001"
    await intake.wired.pool.execute(
        "INSERT INTO intake.report_status (report_id, case_id, version, status)"
        " VALUES ($1::text::uuid, $2::text::uuid, 3, 'dispatched')",
        report,
        case,
    )
    (shown,) = await items(intake, f"/{mine}/reports")
    assert (shown["id"], shown["case_id"], shown["status"]) == (report, case, "dispatched")


async def test_a_report_sent_again_is_attached_once(intake: Place) -> None:
    mine = code()
    await put(intake, mine, body())
    sent = orjson.dumps(intake.body(location={"component": mine}))
    one, two = [await intake.post(sent, key=f"once-{mine}") for _ in range(2)]
    assert one.content == two.content
    assert len(await items(intake, f"/{mine}/reports")) == 1


async def test_a_report_on_a_removed_one_is_refused_with_its_successor(intake: Place) -> None:
    mine, next_one = code(), code()
    await put(intake, next_one, body(2, 2))
    await put(intake, mine, body(state="removed", changed_on="2026-03-01", successor=next_one))
    answer = await intake.post(intake.body(location={"component": mine}))
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/component-removed")
    assert answer.json()["successor"] == next_one
    assert "2026-03-01" in answer.json()["detail"]
    assert answer.json()["errors"][0]["pointer"] == "/location/component"
    alone = code()
    await put(intake, alone, body(state="removed"))
    answer = await intake.post(intake.body(location={"component": alone}))
    assert answer.json()["successor"] is None
    assert "send the place" in answer.json()["detail"]


async def test_a_former_code_belongs_to_one(intake: Place) -> None:
    old = "1101080101900002"
    await put(intake, one := code(), body(former_code=old))
    answer = await put(intake, code(), body(former_code=old))
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/former-code-taken")
    assert one in answer.json()["detail"]


async def test_after_the_city_was_cut_anew_the_point_decides(own_intake: Place) -> None:
    mine = code()
    await put(own_intake, mine, body(1, 1))
    await own_intake.wired.pool.execute("UPDATE intake.components SET area = '110108.012.003.999'")
    answer = await own_intake.post(own_intake.body(location={"component": mine}))
    assert answer.json()["routing_key"] == grid(1, 1)


async def test_each_list_goes_along_its_index(full: tuple[Place, list[Component]]) -> None:
    """With sequential scans made dear the planner finds an index for every statement: none lacks one."""
    place, _ = full
    box = (116.30, 39.90, 116.301, 39.901)
    async with place.wired.pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "ANALYZE intake.components; SET LOCAL enable_seqscan = off; SET LOCAL plan_cache_mode = force_generic_plan"
        )
        wanted = ("", None, None, None, None)
        for sql, given, index in (
            (store.BY_AREA, (*wanted, "", 0, 10), "components_owned"),
            (store.OWNED_BY_GRID, ("110108", None), "Index Only Scan using components_owned"),
            (store.BY_KIND, (*wanted, "01001", -1, 0, 10), "components_kind"),
            (store.BY_OWNER, (*wanted[:2], "gas", *wanted[3:], 0, 10), "components_owner"),
            (store.IN_BOX, (*wanted, [1], [2], -1, 0, *box, 10), "components_cell"),
            (store.NEAREST_OF_KIND, ([1], [2], 116.3, 39.9, 1.0, 1.0, 5.0, "", "01001", 5), "components_kind"),
            (store.NEAREST, ([1], [2], 116.3, 39.9, 1.0, 1.0, 5.0, "", None, 5), "components_cell"),
            (store.NAMED, ([1],), "components_former"),
            (store.FORMER_TAKEN, (1, 2), "components_former"),
        ):  # fmt: skip
            plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {sql}", *given))
            assert index in plan, plan
            assert "Seq Scan on components" not in plan
