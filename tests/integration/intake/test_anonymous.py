"""Reports without a key: refused unless the city takes them, and then through the shield."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from services.intake.app import create_app
from services.intake.wiring import Wired, shield_of
from tests.integration.intake.conftest import Place, middle

PROXY = "10.0.0.7"


def door(wired: Wired, peer: str = PROXY) -> httpx.AsyncClient:
    house = Starlette(routes=[Mount("/intake", create_app(wired))])
    transport = httpx.ASGITransport(app=house, raise_app_exceptions=False, client=(peer, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://intake.test")


@pytest.fixture
async def open_city(intake: Place) -> Wired:
    settings = intake.wired.settings.model_copy(
        update={"anonymous_posts": True, "trusted_proxies": ["10.0.0.0/8"], "anonymous_network_hourly": 24}
    )
    return replace(intake.wired, settings=settings, shield=shield_of(settings))


async def post(client: httpx.AsyncClient, body: Any, sender: str, key: str | None = None) -> httpx.Response:
    headers = {"X-Forwarded-For": sender, **({"Idempotency-Key": key} if key else {})}
    return await client.post("/intake/v1/reports", content=orjson.dumps(body), headers=headers)


async def test_a_city_that_does_not_take_them_answers_401(intake: Place) -> None:
    async with door(intake.wired) as client:
        assert (await post(client, intake.body(), "203.0.113.1")).status_code == 401


async def test_a_pack_that_allows_no_anonymous_post_answers_401(intake: Place, open_city: Wired) -> None:
    strict = replace(open_city, pack=open_city.pack.model_copy(update={"anonymous": False}))
    async with door(strict) as client:
        assert (await post(client, intake.body(), "203.0.113.1")).status_code == 401


async def test_anybody_posts_and_nothing_of_the_address_is_kept(intake: Place, open_city: Wired) -> None:
    async with door(open_city) as client:
        body = intake.body()
        answer = await post(client, body, "203.0.113.1", key=str(uuid4()))
        assert answer.status_code == 201, answer.text
        stored = await intake.stored(answer.json()["id"])
        assert stored["caller"] == "anonymous"
        assert "203.0.113" not in str(dict(stored))
        # The rest of intake is as closed as before.
        assert (await client.get(f"/intake/v1/reports/{answer.json()['id']}")).status_code == 401
        assert (await client.post("/intake/v1/reports/batch", content=orjson.dumps(body))).status_code == 401
        wrong = await client.post("/intake/v1/reports", json=body, headers={"Authorization": "Bearer wg_no_key"})
        assert wrong.status_code == 401


async def test_a_network_has_its_share_behind_a_trusted_proxy(intake: Place, open_city: Wired) -> None:
    async with door(open_city) as client:
        places = iter([middle(n % 4, n // 4) for n in range(16)])
        statuses = [
            (await post(client, intake.body(location=next(places)), f"203.0.113.{n}")).status_code for n in range(5)
        ]
        assert statuses == [201, 201, 201, 201, 429]
        refused = await post(client, intake.body(location=next(places)), "203.0.113.200")
        assert refused.json()["type"] == "/problems/too-many-anonymous"
        assert int(refused.headers["retry-after"]) > 1
        assert (await post(client, intake.body(location=next(places)), "203.0.114.1")).status_code == 201
    async with door(open_city, "198.51.100.9") as stranger:  # says that it speaks for others, and is not believed
        statuses = [
            (await post(stranger, intake.body(location=next(places)), f"203.0.115.{n}")).status_code for n in range(5)
        ]
        assert statuses == [201, 201, 201, 201, 429]


async def test_the_same_matter_in_one_place_is_bounded_but_not_for_a_key(intake: Place, open_city: Wired) -> None:
    async with door(open_city) as client:
        statuses = [(await post(client, intake.body(), f"198.18.{n}.1")).status_code for n in range(5)]
        assert statuses == [201, 201, 201, 429, 429]
        by_key = await client.post("/intake/v1/reports", json=intake.body(), headers=intake.app)
        assert by_key.status_code == 201


async def test_a_short_idempotency_key_is_refused_where_everybody_has_one_name(intake: Place, open_city: Wired) -> None:
    async with door(open_city) as client:
        refused = await post(client, intake.body(), "203.0.113.1", key="1")
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/bad-idempotency-key")
