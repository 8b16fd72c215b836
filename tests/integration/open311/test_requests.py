"""`GET requests`, `GET requests/{id}`, `GET tokens/{token}`: what is told, what is asked for, what follows the case."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.intake.commands.settle_requests import settle_requests
from services.intake.domain.open311 import born
from shared.kernel.clock import utc_now
from shared.kernel.ids import uuid7
from tests.integration.intake.conftest import SIDE, grid, middle
from tests.integration.open311.conftest import (
    ASKING,
    ASKING_ONE,
    FIELDS,
    PLAIN,
    Open311,
    as_json,
    as_text,
    instant,
    refused,
    soon,
)


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [each["service_request_id"] for each in found]


async def test_a_request_has_every_field_and_nothing_else(open311: Open311) -> None:
    request_id = await open311.posted(description="井盖破损")
    told = await open311.request(request_id)
    assert set(told) == FIELDS
    assert told["status"] == "open"
    assert told["service_code"] == PLAIN
    assert told["service_name"] == open311.wired.open311.names[PLAIN]
    assert told["description"] == "井盖破损"
    assert told["address_id"] == grid(1, 1)
    assert (told["lat"], told["long"]) == pytest.approx((middle(1, 1)["lat"], middle(1, 1)["lon"]))
    assert abs(instant(told["requested_datetime"]) - utc_now()) < timedelta(minutes=5)
    assert told["updated_datetime"] == told["requested_datetime"]
    absent = ("status_notes", "agency_responsible", "service_notice", "expected_datetime", "address", "zipcode")
    assert {told[name] for name in (*absent, "media_url")} == {None}


async def test_xml_and_json_say_the_same_with_and_without_extensions(open311: Open311) -> None:
    request_id = await open311.posted(service_code=ASKING, **{"attribute[size]": "l"})
    await open311.hear(uuid7(), [request_id], ("open", "reported"), ("accept", "accepted"), category=ASKING)
    for query in ({}, {"extensions": "true"}):
        xml = await open311.xml(f"requests/{request_id}", **query)
        assert xml.tag == "service_requests"
        assert [each.tag for each in xml] == ["request"]
        assert as_json(xml) == as_text(await open311.get(f"requests/{request_id}", **query))


@pytest.mark.parametrize("count", [0, 1, 2])
async def test_a_list_is_an_array_however_many_it_holds(open311: Open311, count: int) -> None:
    wanted = [await open311.posted() for _ in range(count)]
    query = {"service_request_id": ",".join([*wanted, str(uuid4())])}
    found = await open311.get("requests", **query)
    assert isinstance(found, list)
    assert ids(found) == wanted
    xml = await open311.xml("requests", **query)
    assert xml.tag == "service_requests"
    assert [each.findtext("service_request_id") for each in xml.findall("request")] == wanted
    assert len(xml) == count


@pytest.mark.parametrize("form", ["xml", "json"])
@pytest.mark.parametrize("name", ["01a20800-0000-4000-8000-00000000002a", "1", "x" * 300, "%00", "' or 1=1", "井"])
async def test_an_unknown_request_or_token_is_404(open311: Open311, form: str, name: str) -> None:
    status = 400 if name == "%00" else 404
    refused(await open311.http.get(f"/requests/{name}.{form}"), status)
    refused(await open311.http.get(f"/tokens/{name}.{form}"), status)


async def test_a_token_is_answered_with_its_id(open311: Open311) -> None:
    request_id = await open311.posted()
    assert await open311.get(f"tokens/{request_id}") == [{"service_request_id": request_id, "token": request_id}]
    xml = await open311.xml(f"tokens/{request_id}")
    assert xml.tag == "service_requests"
    assert as_json(xml) == [{"service_request_id": request_id, "token": request_id}]


async def test_ids_override_every_other_filter(open311: Open311) -> None:
    first, second = await open311.posted(), await open311.posted()
    for query in (
        {"status": "closed"},
        {"service_code": ASKING},
        {"start_date": "2001-01-01T00:00:00Z", "end_date": "2001-01-02T00:00:00Z"},
        {"bbox": "0,0,1,1"},
        {"page": "2"},
        {"start_date": "2001-01-01T00:00:00Z", "end_date": "2021-01-02T00:00:00Z"},
    ):
        found = await open311.get("requests", service_request_id=f"{second}, {first},nonsense", **query)
        assert ids(found) == [second, first]


async def test_by_service(open311: Open311) -> None:
    asking = [await open311.posted(service_code=ASKING_ONE) for _ in range(2)]
    plain = await open311.posted()
    found = await open311.get("requests", service_code=ASKING_ONE)
    assert set(asking) <= set(ids(found))
    assert {each["service_code"] for each in found} == {ASKING_ONE}
    both = ids(await open311.get("requests", service_code=f"{ASKING_ONE},{PLAIN}"))
    assert {*asking, plain} <= set(both)
    assert both == sorted(both, reverse=True)
    refused(await open311.http.get("/requests.xml?service_code=99999"), 404, "99999")


async def test_by_status_which_follows_the_case(open311: Open311) -> None:
    waiting, working, done = [await open311.posted(service_code=ASKING_ONE) for _ in range(3)]
    await open311.hear(uuid7(), [working], ("open", "reported"), ("accept", "accepted"), category=ASKING_ONE)
    await open311.hear(uuid7(), [done], ("open", "reported"), ("decline", "rejected"), category=ASKING_ONE)
    for query in ({}, {"service_code": ASKING_ONE}):
        opened = set(ids(await open311.get("requests", status="open", **query)))
        closed = set(ids(await open311.get("requests", status="closed", **query)))
        every = set(ids(await open311.get("requests", status="open,closed", **query)))
        assert {waiting, working} <= opened
        assert done in closed
        assert not opened & closed
        assert {waiting, working, done} <= every
    refused(await open311.http.get("/requests.json?status=pending"), 400, "status")


async def test_by_time(open311: Open311) -> None:
    request_id = await open311.posted(service_code=ASKING_ONE)
    at = born(UUID(request_id)).replace(microsecond=0)

    def text(seconds: int) -> str:
        return (at + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")

    async def found(**query: str) -> bool:
        return request_id in ids(await open311.get("requests", service_code=ASKING_ONE, **query))

    assert await found(start_date=text(0), end_date=text(0))  # both ends are in it
    assert await found(start_date=text(-60))
    assert await found(end_date=text(60))
    assert await found(end_date=(at + timedelta(hours=8)).isoformat().replace("+00:00", "+08:00")) is True
    assert not await found(start_date=text(1), end_date=text(60))
    assert not await found(start_date=text(-60), end_date=text(-1))
    assert not await found(end_date=text(-1))
    told = await open311.request(request_id)
    assert instant(told["requested_datetime"]) == at


@pytest.mark.parametrize(
    "query",
    [
        {"start_date": "yesterday"},
        {"start_date": "2026-11-01"},
        {"start_date": "2026-11-01T00:00:00"},
        {"end_date": "2026-13-01T00:00:00Z"},
        {"start_date": "0001-01-01T00:00:00Z"},
        {"end_date": "9999-12-31T23:59:59-12:00"},
        {"start_date": "2026-11-02T00:00:00Z", "end_date": "2026-11-01T00:00:00Z"},
        {"start_date": "2026-01-01T00:00:00Z", "end_date": "2026-04-01T00:00:01Z"},
        {"start_date": "2020-01-01T00:00:00Z"},
        {"updated_after": "2020-01-01T00:00:00Z"},
        {"page": "-1"},
        {"page": "one"},
        {"page": "99999999999999999999"},
        {"page_size": "0"},
        {"page_size": "501"},
        {"page_size": "1.5"},
        {"bbox": "1,2,3"},
        {"bbox": "a,b,c,d"},
        {"bbox": "nan,0,1,1"},
        {"bbox": "116.5,39.8,116.2,40.0"},
        {"bbox": "39.8,116.2,40.0,116.5"},
        {"extensions": "perhaps"},
        {"status": "open,closed,neither"},
    ],
)
@pytest.mark.parametrize("form", ["xml", "json"])
async def test_a_question_that_makes_no_sense_is_400(open311: Open311, form: str, query: dict[str, str]) -> None:
    said = refused(await open311.http.get(f"/requests.{form}", params=query), 400)
    assert next(iter(query)) in said


async def test_ninety_days_are_not_too_many(open311: Open311) -> None:
    query = {"start_date": "2026-01-01T00:00:00Z", "end_date": "2026-04-01T00:00:00Z"}
    assert (await open311.http.get("/requests.json", params=query)).status_code == 200


async def test_a_plus_that_arrives_as_a_space_is_understood(open311: Open311) -> None:
    answer = await open311.http.get("/requests.json?start_date=2026-11-01T00:00:00+08:00&end_date=2026-11-02T00:00:00Z")
    assert answer.status_code == 200, answer.text


async def test_a_parameter_given_twice_is_400_and_an_empty_one_is_absent(open311: Open311) -> None:
    refused(await open311.http.get("/requests.xml?start_date=2026-11-01T00:00:00Z&start_date=x"), 400, "once")
    answer = await open311.http.get("/requests.json?start_date=&status=&service_code=&page=&jurisdiction_id=&bbox=")
    assert answer.status_code == 200
    assert (await open311.http.get("/requests.json?_=17012345&nonsense=1")).status_code == 200


async def test_a_query_may_name_a_field_twice_where_it_is_a_list(open311: Open311) -> None:
    first, second = await open311.posted(), await open311.posted()
    answer = await open311.http.get(f"/requests.json?service_request_id={first}&service_request_id={second}")
    assert ids(answer.json()) == [first, second]


async def test_pages(own_open311: Open311) -> None:
    posted = [await own_open311.posted() for _ in range(7)]
    await own_open311.hear(uuid7(), posted[:3], ("open", "reported"))
    youngest = posted[::-1]
    pages = []
    for page in ("0", "1", "2", "3", "4"):
        answer = await own_open311.http.get("/requests.json", params={"page": page, "page_size": "3"})
        pages.append(ids(answer.json()))
        assert answer.headers["x-total-count"] == "7"
        assert answer.headers["x-total-pages"] == "3"
        assert answer.headers["x-page-size"] == "3"
    assert pages == [youngest[:3], youngest[:3], youngest[3:6], youngest[6:], []]
    first = await own_open311.http.get("/requests.json", params={"page": "1", "page_size": "3"})
    assert 'rel="next"' in first.headers["link"]
    assert "page=2" in first.headers["link"]
    usual = await own_open311.http.get("/requests.json", params={"page": "1"})
    assert usual.headers["x-page-size"] == "50"
    for query in ({"status": "open"}, {"service_code": PLAIN}, {"updated_after": soon(-3600)}):
        found: list[str] = []
        for number in ("1", "2", "3"):
            answer = await own_open311.http.get("/requests.json", params={**query, "page": number, "page_size": "3"})
            assert answer.headers["x-total-count"] == "7", query
            found += ids(answer.json())
        assert sorted(found) == sorted(posted), query


async def test_without_a_time_the_first_thousand(own_open311: Open311) -> None:
    pool = own_open311.wired.pool
    old = utc_now() - timedelta(days=91)
    await _fill(pool, 1_003, utc_now() - timedelta(minutes=5))
    await _fill(pool, 2, old)
    every = await own_open311.http.get("/requests.json")
    assert len(every.json()) == 1_000
    window = {"start_date": soon(-3600), "end_date": soon()}
    answer = await own_open311.http.get("/requests.json", params=window)
    assert len(answer.json()) == 1_000
    assert answer.headers["x-total-count"] == "1003"
    while await settle_requests(pool, utc_now):
        pass
    assert ids((await own_open311.http.get("/requests.json")).json()) == ids(every.json())
    narrow = {"start_date": soon(-92 * 86400), "end_date": soon(-90 * 86400)}
    assert len((await own_open311.http.get("/requests.json", params=narrow)).json()) == 2


async def _fill(pool: Any, count: int, at: Any) -> list[UUID]:
    made = [uuid7(at) for _ in range(count)]
    rows = [
        (each, "X" * 12, grid(1, 1), PLAIN, "x", middle(1, 1)["lon"], middle(1, 1)["lat"], "app", at, "key:x")
        for each in made
    ]
    columns = ("id", "tracking_code", "routing_key", "category", "description", "lon", "lat", "source", "received_at")
    async with pool.acquire() as connection:
        await connection.copy_records_to_table(
            "reports", schema_name="intake", columns=(*columns, "caller"), records=rows
        )
    return made


async def test_a_report_that_never_became_a_case_is_settled_and_stays_listed(own_open311: Open311) -> None:
    pool = own_open311.wired.pool
    (lonely, taken, ended) = await _fill(pool, 3, utc_now() - timedelta(minutes=3))
    await pool.execute(
        "INSERT INTO intake.report_status (report_id, case_id, version, status) VALUES ($1, $3, 1, 'filed'), "
        "($2, $3, 1, 'closed')",
        taken, ended, uuid7(),
    )  # fmt: skip
    young = UUID(await own_open311.posted())
    assert not await settle_requests(pool, utc_now)
    rows = await pool.fetch("SELECT report_id, open FROM intake.open311_requests")
    assert {row["report_id"]: row["open"] for row in rows} == {lonely: True, taken: True, ended: False}
    assert set(ids(await own_open311.get("requests"))) == {str(each) for each in (lonely, taken, ended, young)}
    assert ids(await own_open311.get("requests", status="closed")) == [str(ended)]
    assert not await settle_requests(pool, utc_now)
    (told,) = await own_open311.get(f"requests/{ended}")
    assert told["status"] == "closed"


async def test_by_change(own_open311: Open311) -> None:
    first, second, third = [await own_open311.posted() for _ in range(3)]
    case, other = uuid7(), uuid7()
    long_ago = (utc_now() - timedelta(days=2)).isoformat()
    await own_open311.hear(case, [first], ("open", "reported"), at=long_ago)
    await own_open311.hear(other, [second], ("open", "reported"), at=long_ago)
    await own_open311.hear(case, [first], ("accept", "accepted"), start=2)
    recent = await own_open311.get("requests", updated_after=soon(-3600))
    assert set(ids(recent)) == {first, third}
    assert all(instant(each["updated_datetime"]) >= utc_now() - timedelta(hours=1) for each in recent)
    before = await own_open311.get("requests", updated_before=soon(-86400))
    assert ids(before) == [second]
    both = {"updated_after": soon(-3 * 86400), "updated_before": soon(-86400)}
    assert ids(await own_open311.get("requests", **both)) == [second]
    assert ids(await own_open311.get("requests", status="closed", updated_after=soon(-3600))) == []
    assert set(ids(await own_open311.get("requests", service_code=PLAIN, updated_after=soon(-3600)))) == {first, third}
    assert ids(await own_open311.get("requests", updated_after=soon(-3600), end_date=soon(-7200))) == []


async def test_by_box(open311: Open311) -> None:
    here, there = middle(0, 3), middle(3, 0)
    inside = await open311.posted(lat=here["lat"], long=here["lon"])
    outside = await open311.posted(lat=there["lat"], long=there["lon"])
    half = SIDE / 2
    box = ",".join(
        str(round(each, 6)) for each in (here["lon"] - half, here["lat"] - half, here["lon"] + half, here["lat"] + half)
    )
    for query in ({}, {"status": "open"}, {"service_code": PLAIN}, {"updated_after": soon(-3600)}):
        found = ids(await open311.get("requests", bbox=box, **query))
        assert inside in found
        assert outside not in found


async def test_a_request_follows_its_case_to_its_end(open311: Open311) -> None:
    request_id = await open311.posted()
    case, due = uuid7(), utc_now() + timedelta(hours=4)
    unit = next(iter(open311.wired.pack.units))
    steps = [
        ("open", "reported", {}),
        ("accept", "accepted", {}),
        ("file", "filed", {"due_at": due.isoformat()}),
        ("dispatch", "dispatched", {"unit": unit, "due_at": due.isoformat()}),
        ("take", "handling", {"unit": unit, "due_at": due.isoformat()}),
        ("report_handled", "handled", {"unit": unit, "due_at": due.isoformat(), "result": "换新，电话 13800001111"}),
        ("close", "closed", {"unit": unit, "due_at": due.isoformat(), "opinion": "已复核"}),
    ]  # fmt: skip
    said = []
    for version, (act, status, more) in enumerate(steps, start=1):
        closing = utc_now()
        await open311.hear(case, [request_id], (act, status), start=version, at=closing.isoformat(), **more)
        told = await open311.request(request_id)
        said.append(told["status_notes"])
        assert told["status"] == ("closed" if status == "closed" else "open")
        assert told["updated_datetime"] == closing.astimezone(open311.wired.pack.zone).isoformat(timespec="seconds")
        assert (told["expected_datetime"] is None) == (version < 3)
    assert instant(told["expected_datetime"]) == due.replace(microsecond=0)
    assert told["agency_responsible"] == open311.wired.open311.units[unit]
    assert open311.wired.open311.units[unit] in said[3]
    assert "换新" in said[5]
    assert "13800001111" not in said[5]
    assert "已复核" in said[6]
    # What is between centres and units is not told, and what comes after the end does not move it.
    await open311.hear(case, [request_id], ("appeal", "closed"), ("urge", "closed"), start=8)
    assert await open311.request(request_id) == told
    extended = await open311.request(request_id, extensions="true")
    assert set(extended) == FIELDS | {"attributes", "extended_attributes", "notes"}
    assert extended["status"] == "closed"
    assert extended["extended_attributes"]["status"] == "FIXED"
    assert [note["type"] for note in extended["notes"]] == [act for act, _, _ in steps]
    assert all(list(note) == ["datetime", "description", "type"] for note in extended["notes"])
    assert [note["description"] for note in extended["notes"]] == said
    assert extended["attributes"] == []


@pytest.mark.parametrize(
    ("act", "status", "finer"),
    [
        ("correct", "reported", "OPEN"),
        ("request_verification", "verifying", "INVESTIGATING"),
        ("dispatch", "dispatched", "ACTION_SCHEDULED"),
        ("take", "handling", "IN_PROGRESS"),
        ("approve_return", "filed", "INTERNAL_REFERRAL"),
        ("decline", "rejected", "NOT_COUNCILS_RESPONSIBILITY"),
        ("refuse_filing", "rejected", "NO_FURTHER_ACTION"),
        ("force_close", "closed", "CLOSED"),
        ("self_handle", "closed", "FIXED"),
        ("merge", "voided", "DUPLICATE"),
    ],
)
async def test_the_finer_statuses_are_told_on_request_only(open311: Open311, act: str, status: str, finer: str) -> None:
    request_id = await open311.posted()
    case = uuid7()
    await open311.hear(case, [request_id], ("open", "reported"))
    await open311.hear(case, [request_id], (act, status), start=2)
    told = await open311.request(request_id)
    assert told["status"] in ("open", "closed")
    assert "extended_attributes" not in told
    extended = await open311.request(request_id, extensions="true")
    assert extended["extended_attributes"]["status"] == finer
    assert extended["status"] == told["status"]


async def test_reports_of_a_merged_case_follow_the_one_that_took_them(open311: Open311) -> None:
    mine, other = await open311.posted(), await open311.posted()
    old, new = uuid7(), uuid7()
    await open311.hear(old, [mine], ("open", "reported"))
    await open311.hear(new, [other], ("open", "reported"))
    await open311.hear(new, [other, mine], ("absorb", "accepted"), start=2, new_reports=[mine])
    await open311.hear(old, [mine], ("merge", "voided"), start=2)
    await open311.hear(new, [other, mine], ("close", "closed"), start=3)
    for request_id in (mine, other):
        told = await open311.request(request_id)
        assert (told["status"], told["status_notes"]) == ("closed", "已结案 put right and closed")
    closed = ids(await open311.get("requests", status="closed"))
    assert {mine, other} <= set(closed)


async def test_a_report_that_joins_a_case_later_follows_it(open311: Open311) -> None:
    """Whatever act it was that brought it there."""
    first, later = await open311.posted(), await open311.posted()
    case = uuid7()
    await open311.hear(case, [first], ("open", "reported"), ("accept", "accepted"))
    await open311.hear(case, [first, later], ("an_act_to_come", "accepted"), start=3, new_reports=[later])
    await open311.hear(case, [first, later], ("file", "filed"), start=4)
    for request_id in (first, later):
        assert (await open311.request(request_id))["status_notes"] == "已立案 filed"


async def test_a_reopened_case_opens_its_request_again(open311: Open311) -> None:
    request_id = await open311.posted()
    old, new = uuid7(), uuid7()
    await open311.hear(old, [request_id], ("open", "reported"), ("close", "closed"))
    await open311.hear(new, [request_id], ("open", "accepted"), reopened_from=str(old))
    await open311.hear(old, [request_id], ("reopen", "closed"), start=3)
    assert (await open311.request(request_id))["status"] == "open"
    assert request_id in ids(await open311.get("requests", status="open"))


async def test_a_corrected_category_is_another_service(open311: Open311) -> None:
    request_id = await open311.posted()
    case = uuid7()
    await open311.hear(case, [request_id], ("open", "reported"))
    await open311.hear(case, [request_id], ("correct", "reported"), start=2, category=ASKING_ONE)
    assert (await open311.request(request_id))["service_code"] == ASKING_ONE
    assert request_id in ids(await open311.get("requests", service_code=ASKING_ONE))
    assert request_id not in ids(await open311.get("requests", service_code=PLAIN))


async def test_facts_heard_twice_change_nothing(open311: Open311) -> None:
    request_id = await open311.posted()
    case, at = uuid7(), utc_now().isoformat()
    for _ in range(2):
        await open311.hear(case, [request_id], ("open", "reported"), ("accept", "accepted"), at=at)
    notes = (await open311.request(request_id, extensions="true"))["notes"]
    assert [note["type"] for note in notes] == ["open", "accept"]


async def test_only_what_the_form_asks_is_told_of_a_reports_attributes(open311: Open311) -> None:
    body = open311.place.body(category=ASKING_ONE, attributes={"depth_cm": 3, "witness": "Zzyzx"})
    report = (await open311.place.post(body)).json()["id"]
    extended = await open311.request(report, extensions="true")
    assert [(each["code"], each["value"]) for each in extended["attributes"]] == [("depth_cm", "3")]
    assert "Zzyzx" not in str(extended)
