"""Field work: recorded once whatever is sent again, placed in its grid, published without names."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

from services.intake.commands.forget_visited import forget_visited
from services.intake.sealing import CannotUnseal
from shared.contracts.intake import ActivityRecorded
from shared.kernel.clock import utc_now
from shared.kernel.ids import uuid7
from tests.integration.intake.conftest import DISTRICT, SIDE, SOUTH, WEST, Place, grid, middle

URL = "/intake/v1/activities"


def base(kind: str, **fields: Any) -> dict[str, Any]:
    now = utc_now()
    times = {"started_at": (now - timedelta(hours=1)).isoformat(), "ended_at": now.isoformat()}
    return {"id": str(uuid7()), "kind": kind, **times, **fields}


def visit(**fields: Any) -> dict[str, Any]:
    return base("visit", **{"location": middle(2, 1), "purpose": "general", **fields})


def patrol(**fields: Any) -> dict[str, Any]:
    """North through the grids of the first column, most of it in the second."""
    fixes = [[WEST + SIDE / 2, SOUTH + SIDE * (0.5 + n * 0.05), n * 30] for n in range(31)]
    return base("patrol", **{"track": fixes, "handled": 3, "note": "井盖已复位", **fields})


async def post(intake: Place, body: Any, post: str = "grid_worker", area: str = DISTRICT) -> httpx.Response:
    return await intake.http.post(URL, content=orjson.dumps(body), headers=intake.staff(post, area))


async def batch(intake: Place, lines: list[Any], by: str = "grid_worker") -> list[dict[str, Any]]:
    body = b"\n".join(line if isinstance(line, bytes) else orjson.dumps(line) for line in lines)
    answer = await intake.http.post(f"{URL}/batch", content=body, headers=intake.staff(by))
    assert answer.status_code == 200, answer.text
    return [orjson.loads(line) for line in answer.content.splitlines()]


async def test_a_patrol_is_measured_placed_and_published(intake: Place) -> None:
    body = patrol()
    answer = await post(intake, body)
    assert answer.status_code == 201, answer.text
    taken = answer.json()
    assert taken["grids"] == [grid(0, 0), grid(0, 1)]
    assert taken["routing_key"] == grid(0, 1)
    assert taken["length_m"] == pytest.approx(30 * 0.05 * SIDE * 111_195, rel=0.01)
    (fact,) = await intake.facts(body["id"])
    data = ActivityRecorded.model_validate_json(fact["data"])
    assert (fact["topic"], fact["key"], fact["sequence"]) == ("wangge.intake.activities.v1", grid(0, 1), 1)
    assert data.patrol is not None
    assert (data.worker, data.post, data.patrol.handled) == ("grid_worker-1", "grid_worker", 3)
    assert data.patrol.length_m == taken["length_m"]
    shown = (await intake.http.get(f"{URL}/{body['id']}", headers=intake.staff("grid_leader"))).json()
    assert (len(shown["track"]), shown["details"]["recorded"]) == (2, 31)


@pytest.mark.parametrize("kind", ["visit", "inspection", "diary", "meeting"])
async def test_every_kind_has_its_members_in_the_fact(intake: Place, kind: str) -> None:
    more: dict[str, dict[str, Any]] = {
        "visit": {"purpose": "key_person", "household_class": 3, "verifies": str(uuid7()), "satisfied": False},
        "inspection": {
            "object": "渔船 1203", "object_kind": "vessel", "result": "hazards",
            "hazards": [{"level": "general", "text": "救生衣不足", "rectified": False, "rectify_by": "2026-12-05"}],
        },
        "diary": {"content": "走访", "problem": "楼道杂物", "handling": "已清理", "reflection": "常来"},
        "meeting": {"form": "briefing", "subject": "矛盾研判", "attendees": 9, "conclusions": "两件上报"},
    }  # fmt: skip
    body = base(kind, location={"grid": grid(3, 3)}, **more[kind])
    assert (await post(intake, body, "supervisor")).status_code == 201
    (fact,) = await intake.facts(body["id"])
    data = orjson.loads(fact["data"])
    assert data["routing_key"] == grid(3, 3)
    assert {name: data[kind][name] for name in more[kind]} == more[kind]
    read = ActivityRecorded.model_validate(data)
    assert getattr(read, kind) is not None


async def test_who_was_visited_is_sealed_and_in_no_fact(intake: Place) -> None:
    person = {"name": "赵铁柱", "phone": "13712345678", "address": "学院路 30 号"}
    body = visit(person=person, note="赵铁柱行动不便，电话 13712345678，住学院路 30 号")
    assert (await post(intake, body)).status_code == 201
    row = await intake.wired.pool.fetchrow("SELECT * FROM intake.activities WHERE id = $1", body["id"])
    (fact,) = await intake.facts(body["id"])
    assert row is not None
    with pytest.raises(CannotUnseal):  # nothing but the person's key opens it
        intake.wired.desk.sealer.unlock(row["id"].bytes, row["sealed"])
    listed = await intake.http.get(URL, params={"worker": "grid_worker-1"}, headers=intake.staff("evaluator"))
    for secret in person.values():
        assert secret.encode() not in fact["data"]
        assert secret not in str(dict(row))
        assert secret not in listed.text


async def test_the_same_again_is_the_same_answer_and_one_fact(intake: Place) -> None:
    body = visit()
    first, again = await post(intake, body), await post(intake, body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert {**first.json(), "again": True} == again.json()
    assert len(await intake.facts(body["id"])) == 1


@pytest.mark.parametrize("by", ["grid_worker", "supervisor"])
async def test_the_same_id_for_something_else_is_refused(intake: Place, by: str) -> None:
    body = visit()
    assert (await post(intake, body)).status_code == 201
    other = {**body, "purpose": "service"} if by == "grid_worker" else body
    refused = await post(intake, other, by)
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/activity-id-reused")
    assert refused.json()["errors"][0]["pointer"] == "/id"


@pytest.mark.parametrize(
    ("fields", "slug"),
    [
        ({"id": str(uuid4())}, "not-uuid7"),
        ({"started_at": "2026-01-01T00:00:00Z", "ended_at": "2026-01-01T01:00:00Z"}, "activity-too-late"),
        ({"location": {"lon": 1.0, "lat": 2.0}}, "outside-every-grid"),
        ({"location": {"grid": "110108.nowhere"}}, "unknown-grid"),
        ({"media": [str(uuid4())]}, "unknown-media"),
        ({"purpose": "tea"}, "invalid"),
    ],
)
async def test_what_cannot_be_is_refused_and_leaves_nothing(intake: Place, fields: dict[str, Any], slug: str) -> None:
    body = visit(**fields)
    refused = await post(intake, body)
    assert (refused.status_code, refused.json()["type"]) == (422, f"/problems/{slug}")
    assert await intake.facts(body["id"]) == []


async def test_only_field_staff_record_and_only_in_their_area(intake: Place) -> None:
    assert (await post(intake, visit(), "dispatcher")).status_code == 403
    key = await intake.http.post(URL, content=orjson.dumps(visit()), headers=intake.app)
    assert key.status_code == 403
    assert (await intake.http.post(URL, content=orjson.dumps(visit()))).status_code == 401
    assert (await post(intake, visit(), area=grid(0, 0))).json()["type"] == "/problems/outside-scope"


async def test_a_batch_answers_each_line(intake: Place) -> None:
    twice, patrolled = visit(), patrol()
    lines = [twice, b'{"kind": ', visit(purpose="tea"), patrolled, twice, {**twice, "purpose": "service"}]
    answers = await batch(intake, lines)
    assert [answer["status"] for answer in answers] == [201, 400, 422, 201, 200, 422]
    assert [answer["line"] for answer in answers] == [1, 2, 3, 4, 5, 6]
    assert len(await intake.facts(twice["id"])) == 1
    again = await batch(intake, lines)
    assert [answer["status"] for answer in again] == [200, 400, 422, 200, 200, 422]
    assert len(await intake.facts(patrolled["id"])) == 1


async def test_a_batch_of_several_parts_is_stored_whole(intake: Place) -> None:
    lines = [visit() for _ in range(250)]
    answers = await batch(intake, lines)
    assert [answer["line"] for answer in answers] == list(range(1, 251))
    ids = [line["id"] for line in lines]
    stored = await intake.wired.pool.fetchval("SELECT count(*) FROM intake.activities WHERE id = ANY($1::uuid[])", ids)
    assert stored == 250


async def test_an_empty_and_an_endless_batch_are_refused(intake: Place) -> None:
    headers = intake.staff("grid_worker")
    assert (await intake.http.post(f"{URL}/batch", content=b"\n\n", headers=headers)).status_code == 422
    many = b"{}\n" * 2001
    assert (await intake.http.post(f"{URL}/batch", content=many, headers=headers)).status_code == 413


async def test_a_list_is_paged_and_kept_to_kind_area_and_time(intake: Place) -> None:
    then = utc_now() - timedelta(days=9)
    ids = []
    for n in range(7):
        at = then + timedelta(minutes=n)
        times = {"started_at": at.isoformat(), "ended_at": (at + timedelta(minutes=1)).isoformat()}
        place = {"location": {"grid": grid(1, 2 if n % 2 else 3)}}
        body = (
            visit(**times, **place)
            if n != 3
            else base("meeting", **{**times, **place}, form="grid", subject="例会", attendees=3)
        )
        assert (await post(intake, body, "grid_leader")).status_code == 201
        ids.append(body["id"])
    window = {"since": then.isoformat(), "until": (then + timedelta(hours=1)).isoformat(), "worker": "grid_leader-1"}

    async def listed(**more: Any) -> list[str]:
        found: list[str] = []
        cursor = None
        while True:
            params = {**window, **more, **({"cursor": cursor} if cursor else {})}
            answer = await intake.http.get(URL, params=params, headers=intake.staff("evaluator"))
            assert answer.status_code == 200, answer.text
            found += [item["id"] for item in answer.json()["items"]]
            cursor = answer.json()["next"]
            if cursor is None:
                return found

    assert await listed(limit=3) == ids[::-1]
    assert await listed(kind="meeting") == [ids[3]]
    assert await listed(area=grid(1, 3)) == [ids[6], ids[4], ids[2], ids[0]]


async def test_a_worker_sees_their_own_and_a_leader_their_area(intake: Place) -> None:
    body = visit(location={"grid": grid(3, 0)})
    assert (await post(intake, body, "supervisor")).status_code == 201
    url = f"{URL}/{body['id']}"
    assert (await intake.http.get(url, headers=intake.staff("supervisor"))).status_code == 200
    assert (await intake.http.get(url, headers=intake.staff("grid_worker"))).status_code == 404
    assert (await intake.http.get(url, headers=intake.staff("grid_leader", grid(0, 0)))).status_code == 404
    assert (await intake.http.get(url, headers=intake.staff("grid_leader"))).status_code == 200
    own = await intake.http.get(URL, headers=intake.staff("grid_worker"))
    assert {item["worker"] for item in own.json()["items"]} <= {"grid_worker-1"}
    other = await intake.http.get(URL, params={"worker": "supervisor-1"}, headers=intake.staff("grid_worker"))
    assert other.status_code == 403
    outside = await intake.http.get(URL, params={"area": "110105"}, headers=intake.staff("grid_leader"))
    assert outside.status_code == 403
    app = await intake.http.get(URL, headers=intake.app)
    assert app.status_code == 403
    bad = await intake.http.get(URL, params={"cursor": "WyJhIiwiYiJd"}, headers=intake.staff("evaluator"))
    assert (bad.status_code, bad.json()["type"]) == (422, "/problems/bad-cursor")


async def test_who_was_visited_is_forgotten_after_its_time(intake: Place) -> None:
    old = visit(person={"name": "钱多多"}, note="钱多多")
    young = visit(person={"name": "钱多多"}, note="钱多多")
    for body in (old, young):
        assert (await post(intake, body)).status_code == 201
    pool, clock = intake.wired.pool, intake.wired.clock
    long_ago = "UPDATE intake.activities SET started_at = started_at - interval '366 days' WHERE id = $1"
    await pool.execute(long_ago, old["id"])
    await forget_visited(pool, clock, 365)
    kept = "SELECT sealed IS NOT NULL FROM intake.activities WHERE id = $1"
    assert [await pool.fetchval(kept, body["id"]) for body in (old, young)] == [False, True]


async def test_a_days_long_track_holds_nobody_up_and_is_judged_like_a_short_one(intake: Place) -> None:
    start = (utc_now() - timedelta(hours=20)).isoformat()
    fixes = [[WEST + SIDE / 2, SOUTH + SIDE / 2 + (n % 40) * SIDE / 100, n * 7] for n in range(10_000)]
    long = patrol(started_at=start, track=fixes)
    answer = await post(intake, long)
    assert answer.status_code == 201, answer.text
    bad = patrol(started_at=start, track=[*fixes[:-1], [WEST + 1, SOUTH, 69_994]])
    refused = await post(intake, bad)
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/implausible-track")
    assert refused.json()["errors"][0]["pointer"] == "/track/9999"


async def test_each_kind_has_its_shape_in_the_openapi_document(intake: Place) -> None:
    document = (await intake.http.get("/intake/openapi.json")).json()
    body = document["components"]["schemas"]["ActivityBody"]
    assert set(body["discriminator"]["mapping"]) == {"patrol", "visit", "inspection", "diary", "meeting"}
    assert "/v1/keys/{key_id}/rotate" in document["paths"]
