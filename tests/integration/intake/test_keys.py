"""API keys: issued once, listed without the key, revoked for good; and the catalogue they open."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from shared.contracts.intake import KeyIssued, KeyRevoked
from shared.kernel.clock import utc_now
from shared.keys import key_hash
from tests.integration.intake.conftest import Place, grid, middle

SCOPE = {"name": "市民热线", "actions": ["reports:create", "reports:read"], "area": "110108.012", "rate": 50}


async def issue(intake: Place, **fields: Any) -> Any:
    answer = await intake.http.post("/intake/v1/keys", json={**SCOPE, **fields}, headers=intake.staff("admin"))
    assert answer.status_code == 201, answer.text
    return answer.json()


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def test_a_key_is_issued_shown_once_and_published_as_a_hash(intake: Place) -> None:
    issued = await issue(intake)
    assert issued["key"].startswith("wg_")
    (fact,) = await intake.facts(issued["id"])
    data = KeyIssued.model_validate_json(fact["data"])
    assert (data.hash, data.version, fact["key"]) == (key_hash(issued["key"]), 1, issued["id"])
    assert data.scope.model_dump() == {
        "actions": ["reports:create", "reports:read"], "area": "110108.012", "categories": None, "rate": 50,
        "areas": [], "daily": None, "family": None,
    }  # fmt: skip
    assert issued["key"].encode() not in fact["data"]
    listed = await intake.http.get("/intake/v1/keys", params={"limit": 500}, headers=intake.staff("admin"))
    assert issued["id"] in [item["id"] for item in listed.json()["items"]]
    assert issued["key"] not in listed.text
    assert data.hash not in listed.text


async def test_it_opens_what_its_scope_says_until_it_is_revoked(intake: Place) -> None:
    issued = await issue(intake)
    await intake.wired.keys.refresh()
    assert (await intake.post(intake.body(), bearer(issued["key"]))).status_code == 201
    path = f"/intake/v1/keys/{issued['id']}"
    ended = await intake.http.delete(path, params={"reason": "leaked"}, headers=intake.staff("admin"))
    assert ended.status_code == 200
    assert ended.json()["revoked_at"] is not None
    await intake.wired.keys.refresh()
    assert (await intake.post(intake.body(), bearer(issued["key"]))).status_code == 401
    facts = await intake.facts(issued["id"])
    data = KeyRevoked.model_validate_json(facts[-1]["data"])
    assert (len(facts), facts[-1]["sequence"], data.version, data.reason) == (2, 2, 2, "leaked")
    again = await intake.http.delete(path, headers=intake.staff("admin"))
    assert (again.status_code, again.json()["type"]) == (409, "/problems/key-already-revoked")


async def test_a_key_ends_when_it_was_said_to(intake: Place) -> None:
    issued = await issue(intake, expires_at=(utc_now() - timedelta(seconds=1)).isoformat())
    await intake.wired.keys.refresh()
    assert (await intake.post(intake.body(), bearer(issued["key"]))).status_code == 401


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"actions": ["keys:write"]}, "/actions/0"),
        ({"actions": []}, "/actions"),
        ({"categories": ["99999"]}, "/categories/0"),
        ({"area": "a..b"}, "/area"),
        ({"rate": 0}, "/rate"),
        ({"name": ""}, "/name"),
        ({"name": "a\x00"}, "/name"),
        ({"colour": "red"}, "/colour"),
        ({"expires_at": "2026-01-01T00:00:00"}, "/expires_at"),
    ],
)
async def test_a_bad_scope_is_refused_by_name(intake: Place, fields: dict[str, Any], pointer: str) -> None:
    before = await intake.count()
    answer = await intake.http.post("/intake/v1/keys", json={**SCOPE, **fields}, headers=intake.staff("admin"))
    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert await intake.count() == before


async def test_only_an_admin_and_only_within_his_area(intake: Place) -> None:
    url = "/intake/v1/keys"
    assert (await intake.http.post(url, json=SCOPE, headers=intake.staff("shift_leader"))).status_code == 403
    assert (await intake.http.post(url, json=SCOPE, headers=intake.staff("admin", "110108.013"))).status_code == 403
    assert (await intake.http.post(url, json={**SCOPE, "area": ""}, headers=intake.staff("admin"))).status_code == 403
    assert (await intake.http.get(url, headers=intake.app)).status_code == 403
    assert (await intake.http.delete(f"{url}/x", headers=intake.app)).status_code == 403
    assert (await intake.http.delete(f"{url}/x", headers=intake.staff("admin"))).status_code == 404


async def test_a_key_asked_for_again_is_the_same_key_and_is_nowhere_in_clear(intake: Place) -> None:
    headers = {**intake.staff("admin"), "Idempotency-Key": str(uuid4())}
    answers = await asyncio.gather(
        *[intake.http.post("/intake/v1/keys", json=SCOPE, headers=headers) for _ in range(4)]
    )
    answers.append(await intake.http.post("/intake/v1/keys", json=SCOPE, headers=headers))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    stored = await intake.wired.pool.fetchval(
        "SELECT body FROM intake.idempotency WHERE key = $1", headers["Idempotency-Key"]
    )
    assert answers[0].json()["key"].encode() not in stored
    other = await intake.http.post("/intake/v1/keys", json={**SCOPE, "name": "other"}, headers=headers)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")


async def test_the_catalogue_says_what_may_be_reported(intake: Place) -> None:
    items: list[Any] = []
    page: dict[str, str | int] = {"limit": 100}
    while True:
        listing = (await intake.http.get("/intake/v1/catalogue", params=page, headers=intake.app)).json()
        items += listing["items"]
        if listing["next"] is None:
            break
        page["cursor"] = listing["next"]
    assert [item["code"] for item in items] == list(intake.wired.pack.categories)
    assert len((await intake.http.get("/intake/v1/catalogue", headers=intake.app)).json()["items"]) == 50
    bad = await intake.http.get("/intake/v1/catalogue", params={"cursor": "WyJ4Il0"}, headers=intake.app)
    assert (bad.status_code, bad.json()["type"]) == (422, "/problems/bad-cursor")
    one = items[0]
    assert set(one) >= {"code", "name", "kind", "conditions", "attributes", "standard", "codes", "admitted", "turn_to"}
    assert set(one["name"]) == {"zh", "en"}
    assert set(one["conditions"][0]) == {"key", "name", "limit", "source"}
    assert set(one["conditions"][0]["limit"]) == {"amount", "unit"}
    narrow = await intake.key(categories=(one["code"],))
    items = (await intake.http.get("/intake/v1/catalogue", headers=narrow)).json()["items"]
    assert [item["code"] for item in items] == [one["code"]]
    assert (await intake.http.get("/intake/v1/catalogue")).status_code == 401


async def rotate(intake: Place, key_id: str, **fields: Any) -> Any:
    url = f"/intake/v1/keys/{key_id}/rotate"
    return await intake.http.post(url, json=fields, headers=intake.staff("admin"))


async def test_a_rotated_key_opens_until_its_overlap_ends(intake: Place) -> None:
    old = await issue(intake, daily=1000)
    answer = await rotate(intake, old["id"], overlap_s=3600)
    assert answer.status_code == 201, answer.text
    new = answer.json()
    assert (new["replaces"], new["scope"], new["name"]) == (old["id"], old["scope"], old["name"])
    await intake.wired.keys.refresh()
    for key in (old["key"], new["key"]):
        assert (await intake.post(intake.body(), bearer(key))).status_code == 201
    (first, second), (fresh,) = await intake.facts(old["id"]), await intake.facts(new["id"])
    ended, begun = KeyIssued.model_validate_json(second["data"]), KeyIssued.model_validate_json(fresh["data"])
    assert (first["sequence"], second["sequence"], ended.version) == (1, 2, 2)
    assert ended.expires_at is not None
    assert timedelta(0) < ended.expires_at - utc_now() <= timedelta(hours=1)
    assert begun.expires_at is None
    assert begun.scope.family == ended.scope.family == old["id"]
    used = await intake.wired.pool.fetchval("SELECT used FROM intake.key_usage WHERE family = $1", old["id"])
    assert used >= 2
    assert await intake.wired.pool.fetchval("SELECT count(*) FROM intake.key_usage WHERE family = $1", new["id"]) == 0


async def test_a_key_is_rotated_once_and_two_live_ones_are_enough(intake: Place) -> None:
    old = await issue(intake)
    new = (await rotate(intake, old["id"])).json()
    again = await rotate(intake, old["id"])
    assert (again.status_code, again.json()["type"]) == (409, "/problems/key-already-rotated")
    third = await rotate(intake, new["id"])
    assert (third.status_code, third.json()["type"]) == (409, "/problems/key-still-overlaps")
    await intake.http.delete(f"/intake/v1/keys/{old['id']}", headers=intake.staff("admin"))
    assert (await rotate(intake, new["id"])).status_code == 201
    assert (await rotate(intake, old["id"])).json()["type"] == "/problems/key-already-revoked"
    assert (await rotate(intake, "0123456789ab")).status_code == 404
    assert (await rotate(intake, new["id"], overlap_s=-1)).status_code == 422
    denied = await intake.http.post(f"/intake/v1/keys/{new['id']}/rotate", json={}, headers=intake.staff("acceptor"))
    assert denied.status_code == 403


async def test_a_rotation_that_ends_at_once_ends_the_old_key(intake: Place) -> None:
    old = await issue(intake)
    await intake.wired.keys.refresh()
    assert (await intake.post(intake.body(), bearer(old["key"]))).status_code == 201
    await rotate(intake, old["id"], overlap_s=0)
    await intake.wired.keys.refresh()
    assert (await intake.post(intake.body(), bearer(old["key"]))).status_code == 401


async def test_a_rotation_sent_again_is_the_same_new_key(intake: Place) -> None:
    old = await issue(intake)
    headers = {**intake.staff("admin"), "Idempotency-Key": str(uuid4())}
    url = f"/intake/v1/keys/{old['id']}/rotate"
    sent = [intake.http.post(url, json={}, headers=headers) for _ in range(3)]
    answers = [answer.json() for answer in await asyncio.gather(*sent)]
    assert len({answer["key"] for answer in answers}) == 1, answers
    assert (await intake.http.post(url, json={"overlap_s": 5}, headers=headers)).status_code == 422


async def test_a_key_of_several_areas_opens_each_of_them(intake: Place) -> None:
    areas = [grid(0, 0), grid(1, 1)]
    issued = await issue(intake, area="", areas=areas)
    assert issued["scope"]["areas"] == areas
    (fact,) = await intake.facts(issued["id"])
    scope = KeyIssued.model_validate_json(fact["data"]).scope
    assert (scope.area, scope.areas) == (areas[0], areas)
    await intake.wired.keys.refresh()
    statuses = [
        (await intake.post(intake.body(location=middle(*at)), bearer(issued["key"]))).status_code
        for at in ((0, 0), (1, 1), (2, 2))
    ]
    assert statuses == [201, 201, 403]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"area": "110108", "areas": ["110108.012"]}, "/areas"),
        ({"area": "", "areas": ["110108.012", "a..b"]}, "/areas/1"),
        ({"area": "", "areas": ["110108.011", "110108.012"], "actions": ["cases:read"]}, "/areas"),
        ({"daily": 0}, "/daily"),
    ],
)
async def test_a_scope_that_cannot_be_is_pointed_at(intake: Place, fields: dict[str, Any], pointer: str) -> None:
    body = {**SCOPE, **fields}
    refused = await intake.http.post("/intake/v1/keys", json=body, headers=intake.staff("admin"))
    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["pointer"] == pointer


async def test_the_list_says_when_a_key_was_last_used_and_what_took_its_place(intake: Place) -> None:
    used, idle = await issue(intake), await issue(intake)
    await intake.wired.keys.refresh()
    assert (await intake.post(intake.body(), bearer(used["key"]))).status_code == 201
    new = (await rotate(intake, used["id"])).json()
    await intake.wired.keys._write_seen()
    items: dict[str, Any] = {}
    cursor = None
    while True:
        params = {"limit": 500, **({"cursor": cursor} if cursor else {})}
        page = (await intake.http.get("/intake/v1/keys", params=params, headers=intake.staff("admin"))).json()
        items |= {item["id"]: item for item in page["items"]}
        cursor = page["next"]
        if cursor is None:
            break
    assert items[used["id"]]["last_used_at"] is not None
    assert items[used["id"]]["replaced_by"] == new["id"]
    assert items[idle["id"]]["last_used_at"] is None


async def test_answers_show_the_limits_and_a_key_without_shows_none(intake: Place) -> None:
    limited = await issue(intake, rate=50, daily=100, actions=["catalogue:read"])
    await intake.wired.keys.refresh()
    answer = await intake.http.get("/intake/v1/catalogue", headers=bearer(limited["key"]))
    assert answer.headers["ratelimit-policy"] == '"second";q=50;w=1, "day";q=100;w=86400'
    assert answer.headers["ratelimit"].startswith('"second";r=49;t=1, "day";r=99;t=')
    assert answer.headers["ratelimit-limit"] == "50"
    refused = await intake.post(intake.body(), bearer(limited["key"]))
    assert (refused.status_code, "ratelimit" in refused.headers) == (403, True)
    free = await intake.http.get("/intake/v1/catalogue", headers=intake.app)
    assert not [name for name in free.headers if name.startswith("ratelimit")]
