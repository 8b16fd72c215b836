"""One report: posted, stored, published, read."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest

from services.intake.app import create_app
from services.intake.commands.vault import Opening
from services.intake.domain.report import Personal, Reporter
from services.intake.grids.index import Grids
from services.intake.store.personal import find
from shared.contracts.intake import ReportReceived
from shared.kernel.ids import tracking_hash
from shared.kernel.place import gcj02_to_bd09, wgs84_to_gcj02
from tests.integration.intake.conftest import Place, grid, middle


async def test_a_report_is_durable_and_published_when_it_is_answered(intake: Place) -> None:
    reporter = {"phone": "13800000000"}
    answer = await intake.post(intake.body(attributes={"depth_cm": 12.5}, source="hotline", reporter=reporter))
    assert answer.status_code == 201
    taken = answer.json()
    assert set(taken) == {"id", "tracking_code", "routing_key", "status", "merged_into"}
    assert (taken["routing_key"], taken["status"], taken["merged_into"]) == (grid(1, 1), "received", None)
    assert UUID(taken["id"]).version == 7
    row = await intake.stored(taken["id"])
    assert row["routing_key"] == grid(1, 1)
    (fact,) = await intake.facts(taken["id"])
    assert (fact["topic"], fact["type"], fact["sequence"]) == ("wangge.intake.reports.v1", "report.received.v1", 1)
    assert fact["key"] == fact["routing_key"] == grid(1, 1)
    data = ReportReceived.model_validate_json(fact["data"])
    assert data.report_id == UUID(taken["id"])
    assert data.tracking_hash == tracking_hash(taken["tracking_code"])
    assert data.attributes == {"depth_cm": 12.5}
    assert data.source == "hotline"


async def test_a_process_that_has_not_read_its_areas_refuses_nothing_for_good(intake: Place) -> None:
    starting = replace(intake.wired, desk=replace(intake.wired.desk, grids=Grids()))
    before = await intake.count()
    body = orjson.dumps(intake.body())
    transport = httpx.ASGITransport(app=create_app(starting))
    async with httpx.AsyncClient(transport=transport, base_url="http://intake.test", headers=intake.app) as http:
        one = await http.post("/v1/reports", content=body, headers={"Content-Type": "application/json"})
        many = await http.post("/v1/reports/batch", content=body, headers={"Content-Type": "application/x-ndjson"})
    assert await intake.count() == before
    for answer in (one, many):
        assert answer.status_code == 503, answer.text
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["type"].endswith("areas-not-read")


async def test_null_is_the_same_as_left_out(intake: Place) -> None:
    absent = dict.fromkeys(("occurred_at", "source", "attributes", "reporter", "media"))
    answer = await intake.post(intake.body() | absent)
    assert answer.status_code == 201, answer.text
    (fact,) = await intake.facts(answer.json()["id"])
    data = ReportReceived.model_validate_json(fact["data"])
    assert (data.source, data.attributes, data.media, data.occurred_at) == ("app", {}, [], None)


async def test_it_is_read_back(intake: Place) -> None:
    taken = (await intake.post(intake.body())).json()
    view = (await intake.http.get(f"/intake/v1/reports/{taken['id']}", headers=intake.app)).json()
    assert set(view) >= {
        "id", "tracking_code", "routing_key", "status", "category", "received_at", "case_id", "merged_into",
        "withdrawn_at",
        "first_asked",
    }  # fmt: skip
    assert view["id"] == taken["id"]
    assert view["tracking_code"] == taken["tracking_code"]
    assert (view["status"], view["case_id"]) == ("received", None)


async def test_a_report_of_another_area_is_not_there(intake: Place) -> None:
    taken = (await intake.post(intake.body())).json()
    path = f"/intake/v1/reports/{taken['id']}"
    assert (await intake.http.get(path, headers=intake.staff("acceptor", "110108.01"))).status_code == 404
    assert (await intake.http.get(path, headers=intake.staff("acceptor", "110108.012"))).status_code == 200
    assert (await intake.http.get(f"/intake/v1/reports/{uuid4()}", headers=intake.app)).status_code == 404


async def test_what_names_a_person_is_sealed_and_not_published(intake: Place) -> None:
    text = "京A12345 占道，联系电话13812345678"
    body = intake.body(description=text, reporter={"name": "王芳", "phone": "13912345678"})
    taken = (await intake.post(body)).json()
    row = await intake.stored(taken["id"])
    (fact,) = await intake.facts(taken["id"])
    for secret in ("13812345678", "13912345678", "王芳", "A12345"):
        assert secret.encode() not in fact["data"]
        assert secret not in row["description"]
        assert secret.encode() not in row["sealed"]
    assert "京A*****" in ReportReceived.model_validate_json(fact["data"]).description
    async with intake.wired.pool.acquire() as connection:
        found = await find(connection, row["id"])
    assert found is not None
    opening = Opening(found.id, found.sealed or b"", found.key, found.subject, found.subject_key)
    assert intake.wired.desk.vault.open(opening) == Personal(text, Reporter("王芳", "13912345678", None))


async def test_nothing_is_sealed_when_nothing_is_personal(intake: Place) -> None:
    row = await intake.stored((await intake.post(intake.body())).json()["id"])
    assert row["sealed"] is None
    assert row["details"] is None


@pytest.mark.parametrize("datum", ["wgs84", "cgcs2000", "gcj02", "bd09"])
async def test_every_datum_is_converted_at_the_edge(intake: Place, datum: str) -> None:
    here = middle(2, 3)
    lon, lat = here["lon"], here["lat"]
    if datum in ("gcj02", "bd09"):
        lon, lat = wgs84_to_gcj02(lon, lat)
    if datum == "bd09":
        lon, lat = gcj02_to_bd09(lon, lat)
    taken = (await intake.post(intake.body(location={"lon": lon, "lat": lat, "datum": datum}))).json()
    assert taken["routing_key"] == grid(2, 3)
    row = await intake.stored(taken["id"])
    assert (row["lon"], row["lat"]) == pytest.approx((here["lon"], here["lat"]), abs=1e-7)


@pytest.mark.parametrize("named", [grid(3, 2), grid(3, 2).replace(".", "")])
async def test_a_place_may_be_a_grid(intake: Place, named: str) -> None:
    taken = (await intake.post(intake.body(location={"grid": named}))).json()
    assert taken["routing_key"] == grid(3, 2)
    row = await intake.stored(taken["id"])
    assert (row["lon"], row["lat"]) == pytest.approx(tuple(middle(3, 2).values()), abs=1e-9)


async def test_staff_on_the_street_may_report_in_their_area(intake: Place) -> None:
    assert (await intake.post(intake.body(), intake.staff("grid_worker"))).status_code == 201
    refused = await intake.post(intake.body(), intake.staff("grid_worker", "110108.013"))
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/outside-scope")


BAD: list[tuple[str, Any, int, str, str | None]] = [
    ("malformed JSON", b'{"category": ', 400, "malformed", None),
    ("no JSON", b"\xff\xfe\x00", 400, "malformed", None),
    ("an empty body", b"", 400, "malformed", None),
    ("a list", [], 422, "invalid", "/"),
    ("a wrong type", {"description": 7}, 422, "invalid", "/description"),
    ("a number as text", {"location": {"lon": "116.3", "lat": 39.9}}, 422, "invalid", "/location/lon"),
    ("a missing member", {"description": ...}, 422, "invalid", "/description"),
    ("an unknown member", {"colour": "red"}, 422, "invalid", "/colour"),
    ("an unknown member inside", {"location": {"lon": 1, "lat": 2, "alt": 3}}, 422, "invalid", "/location/alt"),
    ("a place off the earth", {"location": {"lon": 216.3, "lat": 39.9}}, 422, "invalid", "/location/lon"),
    ("a latitude off the earth", {"location": {"lon": 116.3, "lat": -91}}, 422, "invalid", "/location/lat"),
    ("half a place", {"location": {"lon": 116.3}}, 422, "bad-location", "/location/lat"),
    ("two places", {"location": {"lon": 1, "lat": 2, "grid": "1"}}, 422, "bad-location", "/location"),
    ("no place", {"location": {}}, 422, "bad-location", "/location"),
    ("two places and an address", {"location": {"grid": "1", "component": "1", "address": "x"}}, 422, "bad-location",
     "/location"),
    ("an address of nowhere", {"location": {"address": "纽约市曼哈顿"}}, 422, "unknown-address", "/location/address"),
    ("an address of a street", {"location": {"address": "区域 110108.012"}}, 422, "ambiguous-address",
     "/location/address"),
    ("an unknown datum", {"location": {"lon": 1, "lat": 2, "datum": "x"}}, 422, "invalid", "/location/datum"),
    ("a place in no grid", {"location": {"lon": 100.0, "lat": 30.0}}, 422, "outside-every-grid", "/location"),
    ("an unknown grid", {"location": {"grid": "110108.999"}}, 422, "unknown-grid", "/location/grid"),
    ("an area that is no grid", {"location": {"grid": "110108"}}, 422, "unknown-grid", "/location/grid"),
    ("an unknown component", {"location": {"component": "1"}}, 422, "unknown-component", "/location/component"),
    ("an unknown category", {"category": "99999"}, 422, "unknown-category", "/category"),
    ("a code of no standard", {"category": "gb2013:matter:0199"}, 422, "unknown-category", "/category"),
    ("a category that has ended", {"category": "09998"}, 422, "category-not-in-effect", "/category"),
    ("a category to come", {"category": "09997"}, 422, "category-not-in-effect", "/category"),
    ("a matter for others", {"category": "09008"}, 422, "not-admitted", "/category"),
    ("a missing attribute", {"category": "09012"}, 422, "unfit-attributes", "/attributes/obstacle"),
    ("a wrong attribute", {"attributes": {"depth_cm": "12"}}, 422, "unfit-attributes", "/attributes/depth_cm"),
    ("an unknown source", {"source": "rumour"}, 422, "unknown-source", "/source"),
    ("a call without a contact", {"source": "hotline"}, 422, "source-incomplete", "/reporter"),
    ("a film without media", {"source": "video"}, 422, "source-incomplete", "/media"),
    ("a transfer without a number", {"source": "transfer", "origin": {"name": "区住建委"}}, 422, "source-incomplete",
     "/origin/number"),
    ("lon and lat swapped", {"location": {"lon": 39.903, "lat": 116.303}}, 422, "invalid", "/location/lat"),
    ("NUL in the text", {"description": "a\x00b"}, 422, "invalid", "/description"),
    ("NUL in an attribute", {"attributes": {"a": ["b\x00"]}}, 422, "bad-attributes", "/attributes/a/0"),
    ("a huge number", {"attributes": {"a": "big"}}, 422, "bad-attributes", "/attributes/a"),
    ("too long a text", {"description": "长" * 2001}, 422, "invalid", "/description"),
    ("no text", {"description": ""}, 422, "invalid", "/description"),
    ("a time without offset", {"occurred_at": "2026-11-01T08:00:00"}, 422, "invalid", "/occurred_at"),
    ("a time in the future", {"occurred_at": "2126-11-01T08:00:00Z"}, 422, "occurred-in-future", "/occurred_at"),
    ("media never uploaded", {"media": [str(UUID(int=7))]}, 422, "unknown-media", "/media/0"),
    ("media that is no id", {"media": ["x"]}, 422, "invalid", "/media/0"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "change", "status", "slug", "pointer"), BAD, ids=[each[0] for each in BAD])
async def test_bad_input_is_refused_by_name_and_changes_nothing(
    intake: Place, what: str, change: Any, status: int, slug: str, pointer: str | None
) -> None:
    before = await intake.count()
    body = change
    if isinstance(change, dict):
        body = {name: value for name, value in {**intake.body(), **change}.items() if value is not ...}
        body = orjson.dumps(body).replace(b'"big"', b"1" * 30)
    answer = await intake.post(body)
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (status, f"/problems/{slug}"), problem
    assert answer.headers["content-type"] == "application/problem+json"
    if pointer is not None:
        assert pointer in [error["pointer"] for error in problem["errors"]]
    assert await intake.count() == before


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
@pytest.mark.parametrize("place", ["lon", "attribute"])
async def test_numbers_that_are_none_are_refused(intake: Place, number: bytes, place: str) -> None:
    location = {"lon": "here", "lat": 39.9} if place == "lon" else middle(1, 1)
    attributes = {"a": "here"} if place == "attribute" else {}
    body = orjson.dumps(intake.body(location=location, attributes=attributes)).replace(b'"here"', number)
    before = await intake.count()
    answer = await intake.post(body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == ("/location/lon" if place == "lon" else "/attributes/a")
    assert await intake.count() == before


async def test_a_body_of_ten_megabytes_is_refused(intake: Place) -> None:
    answer = await intake.post(b'{"description": "' + b"x" * (10 << 20) + b'"}')
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")


async def test_deep_nesting_is_refused(intake: Place) -> None:
    answer = await intake.post(b'{"attributes": {"a": ' + b"[" * 5000 + b"]" * 5000 + b"}}")
    assert answer.status_code == 400


async def test_without_credentials_401(intake: Place) -> None:
    assert (await intake.post(intake.body(), {})).status_code == 401
    assert (await intake.post(intake.body(), {"Authorization": "Bearer wg_no_such"})).status_code == 401
    assert (await intake.post(intake.body(), {"Authorization": "Basic eDp5"})).status_code == 401


async def test_a_key_reports_within_its_scope_only(intake: Place) -> None:
    codes = [*intake.wired.pack.categories]
    cases = [
        (await intake.key(area="110108.013"), intake.body(), "outside-scope"),
        (await intake.key(area="110108.01"), intake.body(), "outside-scope"),
        (await intake.key(categories=(codes[1],)), intake.body(category=codes[0]), "outside-scope"),
        (await intake.key(actions=("catalogue:read",)), intake.body(), "action-not-allowed"),
        (intake.staff("dispatcher"), intake.body(), "action-not-allowed"),
    ]
    before = await intake.count()
    for headers, body, slug in cases:
        answer = await intake.post(body, headers)
        assert (answer.status_code, answer.json()["type"]) == (403, f"/problems/{slug}")
    assert await intake.count() == before
    assert (await intake.post(intake.body(), await intake.key(area="110108.012"))).status_code == 201


async def test_a_key_is_held_to_its_rate(intake: Place) -> None:
    headers = await intake.key(rate=3)
    answers = [await intake.post(intake.body(), headers) for _ in range(6)]
    assert [a.status_code for a in answers[:3]] == [201, 201, 201]
    late = next(a for a in answers if a.status_code == 429)
    assert late.headers["retry-after"] == "1"


async def test_the_same_key_and_body_get_the_same_answer(intake: Place) -> None:
    body, name = orjson.dumps(intake.body()), uuid4().hex
    first = await intake.post(body, key=name)
    before = await intake.count()
    again = await intake.post(body, key=name)
    assert (again.status_code, again.content) == (201, first.content)
    assert await intake.count() == before


async def test_the_same_key_with_another_body_is_refused(intake: Place) -> None:
    name = uuid4().hex
    assert (await intake.post(intake.body(), key=name)).status_code == 201
    before = await intake.count()
    answer = await intake.post(intake.body(), key=name)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert await intake.count() == before


async def test_a_key_belongs_to_its_caller(intake: Place) -> None:
    body, name = orjson.dumps(intake.body()), uuid4().hex
    one = await intake.post(body, key=name)
    other = await intake.post(body, intake.staff("grid_worker"), key=name)
    assert other.status_code == 201
    assert one.json()["id"] != other.json()["id"]


@pytest.mark.parametrize("name", [b"", b"with space", b"x" * 201, b"schl\xfcssel"])
async def test_a_bad_idempotency_key_is_refused(intake: Place, name: bytes) -> None:
    headers = {b"Authorization": intake.app["Authorization"].encode(), b"Idempotency-Key": name}
    content = orjson.dumps(intake.body())
    answer = await intake.http.post("/intake/v1/reports", content=content, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/bad-idempotency-key")


async def test_a_refused_request_leaves_its_key_free(intake: Place) -> None:
    name = uuid4().hex
    refused = await intake.post(intake.body(category="99999"), key=name)
    assert refused.status_code == 422
    assert (await intake.post(intake.body(), key=name)).status_code == 201


async def test_openapi_documents_the_route(intake: Place) -> None:
    document = (await intake.http.get("/intake/openapi.json")).json()
    operation = document["paths"]["/v1/reports"]["post"]
    assert operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/ReportBody")
    assert operation["responses"]["201"]["content"]["application/json"]["schema"]["$ref"].endswith("/ReportTaken")
    assert [p["name"] for p in operation["parameters"]] == ["Idempotency-Key"]
