"""Every answer that refuses says what was wrong and what would be right, as problem+json."""

from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Request

from shared.auth import Authenticator, TokenVerifier
from shared.health import Readiness
from shared.http import (
    BadCursor,
    Body,
    PageLimit,
    decode_cursor,
    encode_cursor,
    if_match,
    new_app,
)
from shared.kernel.errors import Conflict, TooMany
from shared.settings import Settings
from tests.unit.shared.test_auth import NoKeys


class Place(Body):
    lon: float
    name: str = ""


class Case(Body):
    place: Place
    text: str = ""


class Busy(Conflict):
    slug, title, title_zh = "busy", "Busy", "忙"


async def down() -> None:
    raise ConnectionRefusedError("no database")


def app() -> FastAPI:
    made = new_app(
        "demo",
        title="t",
        description="d",
        wired=object(),
        authenticator=Authenticator(NoKeys(), TokenVerifier(None, issuer="i", audience="a")),
        settings=Settings(max_body_bytes=2048),
        readiness=Readiness({"database": down}),
    )

    @made.post("/v1/cases")
    async def post(body: Case) -> str:
        return body.text

    @made.get("/v1/cases")
    async def listing(limit: PageLimit = 50) -> int:
        return limit

    @made.get("/v1/revision")
    async def revision(at: Annotated[int, Depends(if_match)]) -> int:
        return at

    @made.get("/v1/{what}")
    async def trouble(what: str, request: Request) -> None:
        raise {"busy": Busy("later", facts={"acts": ["take"]}), "rate": TooMany("slow", facts={"retry_after": 7})}.get(
            what, {"outage": ConnectionResetError("gone"), "bug": RuntimeError("secret")}.get(what, ValueError())
        )

    outer = FastAPI()
    outer.mount("/demo", made)
    return outer


@pytest.fixture
async def client():
    transport = httpx.ASGITransport(app(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://t/demo") as made:
        yield made


async def refused(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["type"] == f"/problems/{slug}"
    assert body["status"] == status
    assert body["title"]
    assert body["title_zh"]
    assert body["detail"]
    return body


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"place": {"lon": "x"}}', "/place/lon"),
        (b'{"place": {"lon": 1, "lat": 2}}', "/place/lat"),
        (b'{"place": {"lon": 1, "name": "a\\u0000b"}}', "/place/name"),
        (b'{"text": "a"}', "/place"),
        (b"[]", "/"),
    ],
)
async def test_a_bad_field_is_named_by_its_pointer(client, body, pointer):
    answer = await client.post("/v1/cases", content=body, headers={"content-type": "application/json"})
    problem = await refused(answer, 422, "invalid")
    assert [e["pointer"] for e in problem["errors"]] == [pointer]


async def test_bad_json_is_a_matter_of_syntax(client):
    answer = await client.post("/v1/cases", content=b'{"place": ', headers={"content-type": "application/json"})
    await refused(answer, 400, "malformed")


async def test_a_body_over_the_limit_is_refused_with_or_without_its_length(client):
    big = b'{"text": "' + b"x" * 4000 + b'"}'

    async def chunks():
        yield big[:100]
        yield big[100:]

    for content in (big, chunks()):
        answer = await client.post("/v1/cases", content=content, headers={"content-type": "application/json"})
        assert (await refused(answer, 413, "too-large"))["limit_bytes"] == 2048


async def test_refusals_carry_their_kind_and_facts(client):
    assert (await refused(await client.get("/v1/busy"), 409, "busy"))["acts"] == ["take"]
    limited = await client.get("/v1/rate")
    await refused(limited, 429, "too-many-requests")
    assert limited.headers["retry-after"] == "7"


async def test_an_outage_is_503_and_a_bug_is_a_500_that_keeps_its_secret(client):
    outage = await client.get("/v1/outage")
    await refused(outage, 503, "unavailable")
    assert outage.headers["retry-after"]
    bug = await client.get("/v1/bug")
    await refused(bug, 500, "internal")
    assert "secret" not in bug.text


async def test_what_is_not_there_and_what_is_not_possible_there(client):
    await refused(await client.get("/nowhere"), 404, "not-found")
    await refused(await client.delete("/v1/cases"), 405, "method-not-allowed")
    problem = await refused(await client.get("/v1/cases?limit=501"), 422, "invalid")
    assert problem["errors"][0]["pointer"] == "?limit"


@pytest.mark.parametrize("query", ["limit=", "limit=&cursor=", "cursor=&limit=50", "cursor&limit=50"])
async def test_an_empty_parameter_is_none(client, query):
    assert (await client.get(f"/v1/cases?{query}")).json() == 50


async def test_if_match(client):
    assert (await client.get("/v1/revision", headers={"If-Match": '"12"'})).json() == 12
    await refused(await client.get("/v1/revision"), 428, "if-match-required")
    await refused(await client.get("/v1/revision", headers={"If-Match": "12"}), 422, "bad-if-match")
    assert (await client.get("/v1/revision", headers={"If-Match": '"of somebody else"'})).status_code == 422
    assert (await client.get("/v1/revision", headers={"If-Match": '"somebody-elses"'})).json() == 0


async def test_health_says_which_part_is_down(client):
    assert (await client.get("/livez")).status_code == 200
    ready = await client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json() == {"status": "not ready", "checks": {"database": "no database"}}


def test_a_cursor_survives_and_a_foreign_one_is_refused():
    assert decode_cursor(encode_cursor("a", 7), 2) == ["a", 7]
    for text in ("", "x", "💥", encode_cursor("a"), "eyJhIjoxfQ"):
        with pytest.raises(BadCursor):
            decode_cursor(text, 2)
