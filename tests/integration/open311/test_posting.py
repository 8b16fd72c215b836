"""`POST requests`: OPEN311.md's row of it, and what is wrong with what is sent."""

from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID, uuid4

import orjson
import pytest

from services.intake.commands.vault import Opening
from services.intake.domain.report import Reporter
from services.intake.store.personal import find
from shared.contracts.intake import ReportReceived
from tests.integration.intake.conftest import COMMUNITY, grid, middle
from tests.integration.open311.conftest import (
    ASKING,
    OUTSIDE,
    PLAIN,
    V2,
    Open311,
    as_json,
    as_text,
    errors_of,
    read_xml,
    refused,
)

FORM = {"content-type": "application/x-www-form-urlencoded"}
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6364f8cf500f0003860180"
    "5a347d6b0000000049454e44ae426082"
)


async def test_it_is_a_report_as_any_other(open311: Open311) -> None:
    """Durable when it is answered, placed in its grid, published with its fact, and followed by its id."""
    request_id = await open311.posted(description="路面塌陷 road caved in")
    row = await open311.place.stored(request_id)
    assert (row["category"], row["routing_key"], row["description"]) == (PLAIN, grid(1, 1), "路面塌陷 road caved in")
    (event,) = await open311.place.facts(request_id)
    assert event["type"] == "report.received.v1"
    assert ReportReceived.model_validate_json(event["data"]).description == "路面塌陷 road caved in"
    view = (await open311.place.http.get(f"/intake/v1/reports/{request_id}", headers=open311.place.app)).json()
    assert (view["id"], view["status"]) == (request_id, "received")
    assert (await open311.request(request_id))["service_request_id"] == request_id


async def test_the_answer_has_an_id_and_no_token(open311: Open311) -> None:
    answer = await open311.post("json", account_id="42")
    (told,) = answer.json()
    assert list(told) == ["service_request_id", "service_notice", "account_id"]
    assert UUID(told["service_request_id"]).version == 7
    assert (told["service_notice"], told["account_id"]) == (None, "42")


async def test_the_answer_in_xml(open311: Open311) -> None:
    answer = await open311.post("xml")
    assert answer.status_code == 200
    root = read_xml(answer)
    assert root.tag == "service_requests"
    assert [each.tag for each in root] == ["request"]
    (told,) = as_json(root)
    assert told["service_request_id"]
    assert as_text(await open311.request(told["service_request_id"]))["service_code"] == PLAIN


@pytest.mark.parametrize("how", ["form", "query", "bearer", "multipart"])
async def test_the_key_may_come_in_any_of_these_ways(open311: Open311, how: str) -> None:
    fields = open311.form(api_key=None)
    key = {"api_key": open311.key}
    match how:
        case "form":
            answer = await open311.http.post("/requests.json", data=fields | key)
        case "query":
            answer = await open311.http.post("/requests.json", params=key, data=fields)
        case "bearer":
            answer = await open311.http.post("/requests.json", data=fields, headers=open311.place.app)
        case _:
            files = {name: (None, str(value)) for name, value in (fields | key).items()}
            answer = await open311.http.post("/requests.json", files=files)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("form", ["xml", "json"])
@pytest.mark.parametrize("key", [None, "", "wrong", "wg_000000000000_x", "wg_", "Bearer x"])
async def test_no_key_or_a_wrong_one_is_403(open311: Open311, form: str, key: str | None) -> None:
    before = await open311.place.count()
    refused(await open311.post(form, api_key=key), 403)
    assert await open311.place.count() == before


async def test_a_key_that_may_not_report_is_403(open311: Open311) -> None:
    reads = (await open311.place.key(actions=["reports:read"]))["Authorization"].removeprefix("Bearer ")
    refused(await open311.post(api_key=reads), 403, "reports:create")
    other = (await open311.place.key(categories=(ASKING,)))["Authorization"].removeprefix("Bearer ")
    refused(await open311.post(api_key=other), 403, "service_code")
    elsewhere = (await open311.place.key(area="110108.099"))["Authorization"].removeprefix("Bearer ")
    refused(await open311.post(api_key=elsewhere), 403)


async def test_a_key_over_its_rate_is_429_and_told_when_to_come_again(open311: Open311) -> None:
    slow = (await open311.place.key(rate=1))["Authorization"].removeprefix("Bearer ")
    answers = [await open311.post("xml", api_key=slow) for _ in range(4)]
    last = next(each for each in answers if each.status_code != 200)
    refused(last, 429)
    assert int(last.headers["retry-after"]) >= 1


@pytest.mark.parametrize("form", ["xml", "json"])
async def test_an_unknown_service_is_404_and_a_missing_one_400(open311: Open311, form: str) -> None:
    refused(await open311.post(form, service_code="99999"), 404, "service_code")
    refused(await open311.post(form, service_code=None), 400, "service_code")
    refused(await open311.post(form, service_code=""), 400, "service_code")


async def test_the_place_by_its_id_or_its_words(open311: Open311) -> None:
    point = {"lat": None, "long": None}
    by_grid = await open311.posted(**point, address_id=grid(2, 3))
    assert (await open311.place.stored(by_grid))["routing_key"] == grid(2, 3)
    by_code = await open311.posted(**point, address_id=grid(2, 3).replace(".", ""))
    assert (await open311.request(by_code))["address_id"] == grid(2, 3)
    by_name = await open311.posted(**point, address_string=f"北京市区域 {COMMUNITY}门口")
    found = await open311.request(by_name)
    assert found["address_id"].startswith(f"{COMMUNITY}.")
    assert found["address"] == f"北京市区域 {COMMUNITY}门口"


async def test_the_words_of_an_address_are_kept_beside_the_point_and_the_desk_reads_them(open311: Open311) -> None:
    request_id = await open311.posted(
        address_string="学院路 37 号，联系 13812345678", description="灯不亮", media_url="https://a.example/1.jpg"
    )
    told = await open311.request(request_id)
    assert told["description"] == "灯不亮"
    assert told["media_url"] == "https://a.example/1.jpg"
    assert told["address"] == "学院路 37 号，联系 138********"
    (event,) = await open311.place.facts(request_id)
    fact = ReportReceived.model_validate_json(event["data"])
    assert fact.description == "灯不亮\n照片 photo: https://a.example/1.jpg"
    assert fact.address == "学院路 37 号，联系 138********"
    assert fact.source == "open311"


async def test_without_a_description_there_is_none(open311: Open311) -> None:
    request_id = await open311.posted(description=None)
    assert (await open311.request(request_id))["description"] is None
    assert (await open311.place.stored(request_id))["description"] == open311.wired.open311.names[PLAIN]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"lat": None, "long": None}, ["lat", "address_string"]),
        ({"lat": None}, ["lat: missing"]),
        ({"long": ""}, ["long: missing"]),
        ({"lat": "north"}, ["lat", "not a number"]),
        ({"lat": "nan"}, ["not a number"]),
        ({"long": "1e999"}, ["long"]),
        ({"lat": "91"}, ["lat", "-90"]),
        ({"lat": str(middle(1, 1)["lon"]), "long": str(middle(1, 1)["lat"])}, ["swapped"]),
        (OUTSIDE, ["in no grid"]),
        ({"lat": None, "long": None, "address_id": "no-such"}, ["address_id"]),
        ({"lat": None, "long": None, "address_string": "Nowhere 1"}, ["address_string"]),
        ({"description": "x" * 4001}, ["description", "4,001"]),
        ({"description": "<b>bold</b>"}, ["description", "HTML"]),
        ({"description": "<script>alert(1)</script>"}, ["HTML"]),
        ({"description": "a\x00b"}, ["U+0000"]),
        ({"media_url": "javascript:alert(1)"}, ["media_url"]),
        ({"media_url": "file:///etc/passwd"}, ["media_url"]),
        ({"email": "a" * 300}, ["email"]),
        ({"attribute[size]": "l"}, ["attribute[size]", "not asked"]),
        ({"attribute": "l"}, ["attribute"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["xml", "json"])
async def test_what_is_wrong_is_400_and_says_what(
    open311: Open311, form: str, fields: dict[str, Any], words: list[str]
) -> None:
    before = await open311.place.count()
    refused(await open311.post(form, **fields), 400, *words)
    assert await open311.place.count() == before


async def test_every_wrong_field_is_named_at_once(open311: Open311) -> None:
    answer = await open311.post(description="<i>x</i>", media_url="ftp://x", email="a" * 300)
    refused(answer, 400)
    assert len(errors_of(answer)) == 3


async def test_a_description_may_have_4000_characters_several_lines_and_signs(open311: Open311) -> None:
    text = ("路面 < 3 cm & > 1 cm, \"深\" 'x' <3\n第二行 " * 200)[:4000]
    assert len(text) == 4000
    request_id = await open311.posted(description=text)
    assert (await open311.request(request_id))["description"] == text
    (told,) = as_json(await open311.xml(f"requests/{request_id}"))
    assert told["description"] == text


async def test_attributes_are_typed(open311: Open311) -> None:
    request_id = await open311.posted(
        service_code=ASKING,
        **{
            "attribute[size]": "l",
            "attribute[depth_cm]": "12.5",
            "attribute[seen][]": ["crack", "rust"],
            "attribute[since]": "2026-11-27T08:00:00+08:00",
            "attribute[urgent]": "true",
            "attribute[note]": "call 13812345678 & <ok>",
        },
    )
    (event,) = await open311.place.facts(request_id)
    sent = ReportReceived.model_validate_json(event["data"]).attributes
    assert sent["size"] == "l"
    assert sent["depth_cm"] == 12.5
    assert sent["seen"] == ["crack", "rust"]
    assert sent["since"] == "2026-11-27T08:00:00+08:00"
    assert sent["urgent"] is True
    told = await open311.request(request_id, extensions="true")
    assert {each["code"]: each["value"] for each in told["attributes"]} == {
        "size": "l", "depth_cm": "12.5", "seen": "crack,rust", "since": "2026-11-27T08:00:00+08:00",
        "urgent": "true", "note": "call 138******** & <ok>",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "size"),
        ({"attribute[size]": ""}, "required"),
        ({"attribute[size]": "xl"}, "one of"),
        ({"attribute[size]": ["s", "l"]}, "once"),
        ({"attribute[size]": "s", "attribute[depth_cm]": "deep"}, "number"),
        ({"attribute[size]": "s", "attribute[depth_cm]": "501"}, "500"),
        ({"attribute[size]": "s", "attribute[seen][]": ["crack", "dent"]}, "seen"),
        ({"attribute[size]": "s", "attribute[since]": "yesterday"}, "zone"),
        ({"attribute[size]": "s", "attribute[urgent]": "very"}, "true or false"),
        ({"attribute[size]": "s", "attribute[colour]": "red"}, "not asked"),
        ({"attribute[size]": "s", "attribute[note": "x"}, "write attribute"),
    ],
)
async def test_attributes_that_do_not_fit_are_400(open311: Open311, fields: dict[str, Any], word: str) -> None:
    refused(await open311.post(service_code=ASKING, **fields), 400, "attribute", word)


async def test_what_some_clients_send_is_taken(open311: Open311) -> None:
    request_id = await open311.posted(
        deviceid="d-1", device_id="d-1", media_url=["https://a.example/1.jpg", "https://a.example/2.jpg"], unknown="x"
    )
    assert (await open311.request(request_id))["media_url"] == "https://a.example/1.jpg"


@pytest.mark.parametrize("name", ["service_code", "lat", "description", "api_key", "jurisdiction_id"])
async def test_a_field_given_twice_is_400(open311: Open311, name: str) -> None:
    form = open311.form(jurisdiction_id="haidian")
    body = urlencode([*form.items(), (name, form[name])])
    refused(await open311.http.post("/requests.xml", content=body, headers=FORM), 400, name, "once")


async def test_an_empty_field_is_an_absent_one(open311: Open311) -> None:
    body = urlencode([*open311.form().items(), ("service_code", ""), ("email", ""), ("jurisdiction_id", "")])
    assert (await open311.http.post("/requests.json", content=body, headers=FORM)).status_code == 200


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded; charset=gbk", "井盖".encode("gbk")),
        ("application/x-www-form-urlencoded; charset=klingon", b"x"),
        ("application/x-www-form-urlencoded", "井盖".encode("gbk")),
        ("application/x-www-form-urlencoded", quote("井盖".encode("gbk")).encode()),
        ("application/x-www-form-urlencoded", quote("井盖".encode("utf-16")).encode()),
    ],
)
async def test_another_charset_is_400(open311: Open311, kind: str, body: bytes) -> None:
    form = urlencode(open311.form(description=None)).encode() + b"&description=" + body
    refused(await open311.http.post("/requests.json", content=form, headers={"content-type": kind}), 400, "UTF-8")


async def test_utf8_may_be_said(open311: Open311) -> None:
    for charset in ("utf-8", "UTF-8", '"utf-8"'):
        headers = {"content-type": f"application/x-www-form-urlencoded; charset={charset}"}
        body = urlencode(open311.form())
        assert (await open311.http.post("/requests.json", content=body, headers=headers)).status_code == 200


BOMB = b"".join(
    (
        b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol">',
        *(b'<!ENTITY %c "%s">' % (n, b"&%c;" % (n - 1) * 10) for n in range(ord("b"), ord("k"))),
        b"]><request><description>&j;</description></request>",
    )
)
XXE = b"""<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><request>&x;</request>"""


@pytest.mark.parametrize("form", ["xml", "json"])
@pytest.mark.parametrize("kind", ["text/xml", "application/xml", "application/json", "text/plain", ""])
@pytest.mark.parametrize("body", [BOMB, XXE, b"{}"], ids=["bomb", "xxe", "json"])
async def test_a_body_that_is_no_form_is_not_read(open311: Open311, form: str, kind: str, body: bytes) -> None:
    headers = {"content-type": kind, **open311.place.app}
    said = refused(await open311.http.post(f"/requests.{form}", content=body, headers=headers), 400, "form")
    assert "root:" not in said


async def test_xml_as_text_is_text(open311: Open311) -> None:
    """It is shown as it was written and expanded nowhere."""
    request_id = await open311.posted(**{"service_code": PLAIN, "description": "see &lol; and %xxe; ]]> &#x41;"})
    (told,) = as_json(await open311.xml(f"requests/{request_id}"))
    assert told["description"] == "see &lol; and %xxe; ]]> &#x41;"


async def test_signs_that_xml_cannot_hold_leave_it_well_formed(open311: Open311) -> None:
    request_id = await open311.posted(description="a\x01b\x0bc\ufffed\re")
    (told,) = as_json(await open311.xml(f"requests/{request_id}"))
    assert told["description"] == "a\ufffdb\ufffdc\ufffdd\re"
    assert (await open311.request(request_id))["description"] == "a\x01b\x0bc\ufffed\re"


async def test_the_same_idempotency_key_is_the_same_request(open311: Open311) -> None:
    body = urlencode(open311.form())
    key = {"Idempotency-Key": f"open311-{uuid4()}", **FORM}
    first = await open311.http.post("/requests.json", content=body, headers=key)
    again = await open311.http.post("/requests.json", content=body, headers=key)
    assert first.status_code == again.status_code == 200
    assert first.content == again.content
    refused(await open311.http.post("/requests.json", content=body + "&email=a@b.cd", headers=key), 400)


async def test_pictures_may_come_along(open311: Open311) -> None:
    files: list[tuple[str, Any]] = [(name, (None, str(value))) for name, value in open311.form().items()]
    files += [("media", ("a.png", PNG, "image/png")), ("photo1", ("../../b.png", PNG, "text/html"))]
    answer = await open311.http.post("/requests.json", files=files)
    assert answer.status_code == 200, answer.text
    (told,) = answer.json()
    (event,) = await open311.place.facts(told["service_request_id"])
    media = ReportReceived.model_validate_json(event["data"]).media
    assert len(media) == 2
    shown = (await open311.request(told["service_request_id"]))["media_url"]
    assert shown == f"http://intake.test/intake/v1/media/{media[0]}"
    path = shown.removeprefix("http://intake.test")
    assert (await open311.place.http.get(path)).status_code == 401
    assert (await open311.place.http.get(path, headers=open311.place.app)).content == PNG


async def test_the_same_pictures_again_are_the_same_request(open311: Open311) -> None:
    fields = {name: (None, str(value)) for name, value in open311.form().items()}
    key = {"Idempotency-Key": f"pictures-{uuid4()}"}
    answers = [
        await open311.http.post("/requests.json", files={**fields, "media": ("a.png", PNG, "image/png")}, headers=key)
        for _ in range(2)
    ]
    assert answers[0].status_code == 200, answers[0].text
    assert answers[0].content == answers[1].content


@pytest.mark.parametrize("content", [b"<svg onload='x'/>", b"", b"GIF89a<script>", b"PK\x03\x04zip"])
async def test_a_file_that_is_no_picture_is_400_and_nothing_is_stored(open311: Open311, content: bytes) -> None:
    before = await open311.place.count()
    files: list[tuple[str, Any]] = [(name, (None, str(value))) for name, value in open311.form().items()]
    files.append(("media", ("a.png", content, "image/png")))
    refused(await open311.http.post("/requests.json", files=files), 400)
    assert await open311.place.count() == before


async def test_a_multipart_form_that_is_broken_or_in_another_charset_is_400(open311: Open311) -> None:
    head = {"content-type": "multipart/form-data; boundary=xx", **open311.place.app}
    part = b'--xx\r\nContent-Disposition: form-data; name="description"\r\n\r\n%s\r\n'
    bodies = [
        part % "井盖".encode("gbk") + b"--xx--\r\n",
        b"--xx\r\nContent-Disposition: form-data\r\n\r\nx\r\n--xx--\r\n",
        b"no parts at all",
    ]
    for body, word in zip(bodies, ("not UTF-8", "name", "cannot be read"), strict=True):
        refused(await open311.http.post("/requests.json", content=body, headers=head), 400, word)
    head["content-type"] = "multipart/form-data"
    refused(await open311.http.post("/requests.json", content=bodies[0], headers=head), 400, "boundary")
    head["content-type"] = "multipart/form-data; charset=gbk; boundary=xx"
    refused(await open311.http.post("/requests.json", content=part % b"x" + b"--xx--\r\n", headers=head), 400, "UTF-8")


async def test_what_names_a_person_is_written_and_never_shown(open311: Open311) -> None:
    request_id = await open311.posted(
        first_name="Marie", last_name="Zzyzx", email="zzyzx@example.org", phone="13987654321",
        description="找王女士 13987654321，身份证 110108199001011234，车牌 京A12345",
        device_id="device-zzyzx", account_id="account-zzyzx",
    )  # fmt: skip
    async with open311.wired.pool.acquire() as connection:
        found = await find(connection, UUID(request_id))
    assert found is not None
    opening = Opening(found.id, found.sealed or b"", found.key, found.subject, found.subject_key)
    personal = open311.wired.desk.vault.open(opening)
    assert personal is not None
    assert personal.reporter == Reporter("Marie Zzyzx", "13987654321", "zzyzx@example.org")
    assert "13987654321" in personal.description
    told = orjson.dumps(await open311.get("requests", service_request_id=request_id, extensions="true")).decode()
    (event,) = await open311.place.facts(request_id)
    for place in (told, event["data"].decode()):
        for secret in ("zzyzx", "Zzyzx", "13987654321", "110108199001011234", "京A12345"):
            assert secret not in place


async def test_a_large_form_is_413_in_the_protocols_form(open311: Open311) -> None:
    body = urlencode(open311.form()) + "&x=" + "x" * (2 << 20)
    refused(await open311.http.post("/requests.json", content=body, headers=FORM), 413)


async def test_a_form_of_very_many_fields_is_400(open311: Open311) -> None:
    body = "&".join(f"x{n}=1" for n in range(2_000))
    refused(await open311.http.post("/requests.json", content=body, headers=FORM), 400, "fields")


def test_the_address_of_the_endpoint() -> None:
    assert V2 == "/intake/open311/v2"
