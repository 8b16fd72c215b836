"""Apps with keys, a database that is away, and what the service says of itself."""

import httpx
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Mount

from services.dispatch.app import create_app
from services.dispatch.commands.publish_calendar import load_calendars
from services.dispatch.consumers import subscriptions
from services.dispatch.domain.lifecycle import PERSONAL
from services.dispatch.settings import DispatchSettings
from services.dispatch.wiring import wire
from shared.auth import issue_token
from shared.bus.event import Record
from shared.bus.opening import open_carrier
from shared.contracts.intake import KeyIssued, KeyRevoked, KeyScope
from shared.contracts.topics import KEYS
from shared.kernel.clock import utc_now
from shared.kernel.ids import uuid7
from shared.keys import key_hash, new_key
from shared.postgres import transaction
from tests.integration.dispatch.conftest import SECRET, City


def key_record(fact: KeyIssued | KeyRevoked) -> Record:
    return Record(
        topic=KEYS.name,
        partition=0,
        offset=fact.version,
        key=fact.key_id,
        id=str(uuid7()),
        type=fact.TYPE,
        source="/wangge/intake",
        subject=fact.key_id,
        sequence=fact.version,
        routing_key="",
        routing_key_from=None,
        at=utc_now(),
        data=fact.model_dump_json().encode(),
        traceparent=None,
    )


async def learn(city: City, fact: KeyIssued | KeyRevoked) -> None:
    async with transaction(city.wired.pool) as tx:
        keys = next(each for each in subscriptions(city.wired) if KEYS.name in each.topics)
        await keys.topics[KEYS.name](tx, [key_record(fact)])
    await city.wired.keys.refresh()


async def app_of(city: City, area: str, categories: list[str] | None = None) -> dict[str, str]:
    """The header of an app that may read cases."""
    key_id, key = new_key()
    scope = KeyScope(actions=["cases:read"], area=area, categories=categories)
    named = {"key_id": key_id, "name": "an app", "hash": key_hash(key), "scope": scope}
    await learn(city, KeyIssued(**named, issued_at=utc_now(), version=1))
    return {"Authorization": f"Bearer {key}"}


async def test_an_app_reads_the_cases_of_its_scope_until_its_key_is_revoked(city: City) -> None:
    area = f"110108.{uuid7().hex[-12:]}"
    cover = await city.case(routing_key=f"{area}.001", category="01003")
    other = await city.case(routing_key=f"{area}.001", category="01001")
    key_id, key = new_key()
    scope = KeyScope(actions=["cases:read"], area=area, categories=["01003"])
    named = {"key_id": key_id, "name": "an app", "hash": key_hash(key), "scope": scope}
    await learn(city, KeyIssued(**named, issued_at=utc_now(), version=1))
    headers = {"Authorization": f"Bearer {key}"}

    listed = await city.http.get("/dispatch/v1/cases", headers=headers)
    assert [case["id"] for case in listed.json()["items"]] == [cover["id"]]
    assert listed.json()["items"][0]["acts"] == []
    assert (await city.http.get(f"/dispatch/v1/cases/{other['id']}", headers=headers)).status_code == 404
    act = await city.http.post(
        f"/dispatch/v1/cases/{cover['id']}/accept", headers=headers | {"If-Match": '"1"'}, json={}
    )
    assert (act.status_code, act.json()["type"]) == (403, "/problems/action-not-allowed")
    assert (await city.http.get("/dispatch/v1/tasks", headers=headers)).status_code == 403

    await learn(city, KeyRevoked(**named, revoked_at=utc_now(), version=2))
    gone = await city.http.get("/dispatch/v1/cases", headers=headers)
    assert (gone.status_code, gone.json()["type"]) == (401, "/problems/bad-key")


async def test_a_database_that_is_away_is_503_and_not_ready() -> None:
    settings = DispatchSettings(
        environment="test", database_url="postgresql://nobody@127.0.0.1:1/none", token_secret=SecretStr(SECRET)
    )
    carrier = open_carrier(settings)
    async with wire(settings, carrier) as wired:
        transport = httpx.ASGITransport(app=Starlette(routes=[Mount("/dispatch", create_app(wired))]))
        token = issue_token(SECRET, subject="a", post="acceptor", area="110108")
        headers = {"Authorization": f"Bearer {token}", "If-Match": '"1"'}
        async with httpx.AsyncClient(transport=transport, base_url="http://city", headers=headers) as http:
            for answer in (
                await http.post(f"/dispatch/v1/cases/{uuid7()}/accept"),
                await http.get("/dispatch/v1/cases"),
                await http.get("/dispatch/v1/units"),
            ):
                assert answer.status_code == 503, answer.text
                assert answer.headers["retry-after"]
                assert answer.json()["type"] == "/problems/unavailable"
            assert (await http.get("/dispatch/readyz")).status_code == 503
            assert (await http.get("/dispatch/livez")).status_code == 200
            assert (await http.get("/dispatch/v1/me")).status_code == 200
    await carrier.close()


async def test_the_openapi_document_names_every_act(city: City) -> None:
    document = (await city.http.get("/dispatch/openapi.json")).json()
    acts = {path.rsplit("/", 1)[1] for path in document["paths"] if path.startswith("/v1/cases/{case_id}/")}
    assert acts == {act.value for act in PERSONAL} | {"timeline", "suggestion"}
    accept = document["paths"]["/v1/cases/{case_id}/accept"]["post"]
    assert "acceptor 受理员" in accept["description"]
    assert {"If-Match", "Idempotency-Key"} <= {each["name"] for each in accept["parameters"]}
    await load_calendars(city.wired)
    assert (await city.http.get("/dispatch/readyz")).status_code == 200
