"""What the pack asks of a report: its source, its attributes, its category, on every way in."""

from typing import Any

import orjson
import pytest

from services.intake.queries.grid_index import refresh_grids
from shared.contracts.intake import ReportReceived
from shared.kernel.ids import uuid7
from tests.integration.intake.conftest import COMMUNITY, STREET, Place, collection, feature, grid, middle
from tests.pictures import PNG


async def fact_of(intake: Place, report_id: str) -> ReportReceived:
    (fact,) = await intake.facts(report_id)
    return ReportReceived.model_validate_json(fact["data"])


@pytest.mark.parametrize(
    ("post", "source"),
    [
        (None, "app"),
        ("acceptor", "desk"),
        ("supervisor", "supervisor"),
        ("grid_worker", "grid_worker"),
        ("grid_leader", "grid_leader"),
    ],
)
async def test_who_says_no_source_has_that_of_their_post(intake: Place, post: str | None, source: str) -> None:
    brought = {"media": [str(uuid7())]} if post == "supervisor" else {}
    taken = await intake.post(intake.body(**brought), intake.app if post is None else intake.staff(post))
    assert taken.status_code == 201, taken.text
    assert (await fact_of(intake, taken.json()["id"])).source == source


async def test_a_supervisor_brings_a_photograph_which_may_come_a_little_later(intake: Place) -> None:
    who, late = intake.staff("supervisor"), str(uuid7())
    refused = await intake.post(intake.body(), who)
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/source-incomplete")
    assert [each["pointer"] for each in refused.json()["errors"]] == ["/media"]
    taken = await intake.post(intake.body(media=[late]), who)
    assert taken.status_code == 201, taken.text
    sent = await intake.http.put(f"/intake/v1/media/{late}", content=PNG, headers=who | {"Content-Type": "image/png"})
    assert sent.status_code == 201, sent.text
    assert (await intake.post(intake.body(source="patrol"), who)).status_code == 201


async def test_a_transfer_brings_the_number_it_has_there(intake: Place) -> None:
    body = intake.body(source="transfer", origin={"number": "海建移〔2026〕7号", "name": "区住建委 13800000000"})
    taken = await intake.post(body)
    assert taken.status_code == 201, taken.text
    fact = await fact_of(intake, taken.json()["id"])
    assert fact.origin is not None
    assert (fact.origin.number, fact.origin.name) == ("海建移〔2026〕7号", "区住建委 138********")
    details = (await intake.stored(taken.json()["id"]))["details"]
    assert details["origin"] == {"number": "海建移〔2026〕7号", "name": "区住建委 138********"}


async def test_a_code_of_another_standard_is_stored_as_the_catalogue_s_own(intake: Place) -> None:
    taken = await intake.post(intake.body(category="gb2013:matter:0412", attributes={"obstacle": "goods"}))
    assert taken.status_code == 201, taken.text
    assert (await fact_of(intake, taken.json()["id"])).category == "09012"
    narrow = await intake.key(categories=("01001",))
    assert (await intake.post(intake.body(category="gb2013:component:0101"), narrow)).status_code == 201
    refused = await intake.post(intake.body(category="gb2013:component:0102"), narrow)
    assert (refused.status_code, refused.json()["category"]) == (403, "01002")


async def test_a_matter_for_others_says_where_to_turn(intake: Place) -> None:
    problem = (await intake.post(intake.body(category="09008"))).json()
    assert problem["turn_to"]["phone"] == "12345"
    assert set(problem["turn_to"]["name"]) == {"zh", "en"}


async def test_every_attribute_that_is_wrong_has_a_pointer(intake: Place) -> None:
    problem = (
        await intake.post(intake.body(category="09012", attributes={"obstacle": "snow", "risk": "people"}))
    ).json()
    assert [each["pointer"] for each in problem["errors"]] == ["/attributes/obstacle"], "risk is not of this form"
    bad = {"depth_cm": -1, "risk": ["people"]}
    problem = (await intake.post(intake.body(category="06013", attributes=bad))).json()
    assert [each["pointer"] for each in problem["errors"]] == ["/attributes/depth_cm", "/attributes/risk"]


async def test_a_batch_asks_the_same_of_each_line(intake: Place) -> None:
    good = intake.body(category="gb2013:matter:0412", attributes={"obstacle": "vehicle"})
    lines: list[Any] = [
        good,
        intake.body(category="09012"),
        intake.body(source="hotline"),
        intake.body(source="rumour"),
        intake.body(category="09008"),
        intake.body(category="09998"),
        intake.body(location={"lon": middle(1, 1)["lat"], "lat": middle(1, 1)["lon"]}),
        intake.body(source="hotline", reporter={"phone": "13800000000"}),
    ]
    answer = await intake.http.post(
        "/intake/v1/reports/batch",
        content=b"\n".join(map(orjson.dumps, lines)),
        headers={"Content-Type": "application/x-ndjson", **intake.staff("grid_worker")},
    )
    said = [orjson.loads(line) for line in answer.content.splitlines()]
    slugs = [each["problem"]["type"].rpartition("/")[2] if "problem" in each else None for each in said]
    assert slugs == [
        None,
        "unfit-attributes",
        "source-incomplete",
        "unknown-source",
        "not-admitted",
        "category-not-in-effect",
        "invalid",
        None,
    ]
    assert said[6]["problem"]["hint"] == "swapped"
    assert "swapped" in said[6]["problem"]["errors"][0]["message"]
    first = await fact_of(intake, said[0]["id"])
    assert (first.category, first.source) == ("09012", "grid_worker")


async def test_the_catalogue_shows_provenance_attributes_and_where_to_turn(intake: Place) -> None:
    items: dict[str, Any] = {}
    page: dict[str, Any] = {"limit": 500, "standard": "gb2013"}
    found = (await intake.http.get("/intake/v1/catalogue", params=page, headers=intake.app)).json()
    assert len(found["items"]) == 238
    items = {each["code"]: each for each in found["items"]}
    assert "01999" not in items
    lane = items["09012"]
    assert lane["standard"]["number"] == "GB/T 47678.5-2026"
    assert lane["codes"] == [
        {"key": "gb2013:matter:0412", "standard": "gb2013", "kind": "matter", "code": "0412", "note": "derived"}
    ]
    (obstacle,) = lane["attributes"]
    assert (obstacle["key"], obstacle["type"], obstacle["required"]) == ("obstacle", "choice", True)
    assert obstacle["values"][0] == {"key": "vehicle", "name": {"zh": "机动车", "en": "a motor vehicle"}}
    assert (items["09008"]["admitted"], items["09008"]["turn_to"]["phone"]) == (False, "12345")
    found = (await intake.http.get("/intake/v1/catalogue", params={"standard": "local"}, headers=intake.app)).json()
    assert {each["code"]: (each["effective_from"], each["effective_until"]) for each in found["items"]} == {
        "01999": (None, None),
        "09998": (None, "2026-06-30"),
        "09997": ("2028-01-01", None),
    }


COMMUNITY_NAME = f"区域 {COMMUNITY}"


async def test_an_address_is_resolved_as_far_as_it_names_one_area(intake: Place) -> None:
    taken = await intake.post(intake.body(location={"address": f"{COMMUNITY_NAME} 门口，电话13812345678"}))
    assert taken.status_code == 201, taken.text
    assert taken.json()["routing_key"] == grid(0, 0), "the first of the community's grids"
    fact = await fact_of(intake, taken.json()["id"])
    assert (fact.approximate, fact.address) == (True, f"{COMMUNITY_NAME} 门口，电话138********")
    named = await intake.post(intake.body(location={"address": f"区域 {grid(2, 3)} 路边"}))
    assert named.json()["routing_key"] == grid(2, 3)
    assert not (await fact_of(intake, named.json()["id"])).approximate


async def test_an_address_beside_a_point_is_kept_and_looked_for_nowhere(intake: Place) -> None:
    taken = await intake.post(intake.body(location={**middle(2, 1), "address": "超市门口"}))
    assert taken.status_code == 201, taken.text
    fact = await fact_of(intake, taken.json()["id"])
    assert (fact.routing_key, fact.address, fact.approximate) == (grid(2, 1), "超市门口", False)
    assert (await intake.stored(taken.json()["id"]))["details"]["address"] == "超市门口"


async def test_a_key_of_another_area_gets_no_further_by_an_address(intake: Place) -> None:
    other = await intake.key(area="110108.013")
    refused = await intake.post(intake.body(location={"address": COMMUNITY_NAME}), other)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/outside-scope")


async def test_an_address_that_is_too_coarse_names_what_is_inside(intake: Place) -> None:
    problem = (await intake.post(intake.body(location={"address": f"区域 {STREET}"}))).json()
    assert problem["candidates"] == [{"path": COMMUNITY, "name": COMMUNITY_NAME}]


async def test_a_batch_takes_addresses_too(intake: Place) -> None:
    lines = [intake.body(location={"address": where}) for where in (COMMUNITY_NAME, "没有这个地方")]
    answer = await intake.http.post(
        "/intake/v1/reports/batch",
        content=b"\n".join(map(orjson.dumps, lines)),
        headers={"Content-Type": "application/x-ndjson", **intake.app},
    )
    said = [orjson.loads(line) for line in answer.content.splitlines()]
    assert (said[0]["status"], said[1]["problem"]["type"]) == (201, "/problems/unknown-address")


async def test_areas_that_are_renamed_are_found_by_their_new_name(own_intake: Place) -> None:
    place = own_intake
    assert (await place.post(place.body(location={"address": "翠微路社区"}))).status_code == 422
    areas = [feature(COMMUNITY, "community", None, "翠微路社区")]
    sent = {**place.staff("admin"), "Content-Type": "application/geo+json"}
    put = await place.http.put("/intake/v1/areas", content=collection(areas), headers=sent)
    assert put.status_code == 200, put.text
    await refresh_grids(place.wired.pool, place.wired.grids, "grid")
    taken = await place.post(place.body(location={"address": "翠微路社区"}))
    assert taken.status_code == 201, taken.text
