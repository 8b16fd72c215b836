"""One act on many cases: each for itself, all good ones together, once."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
from asyncpg import Connection

from shared.kernel.ids import uuid7
from tests.integration.dispatch.conftest import PATH, City, street


def item(case: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"case": case["id"], "revision": case["revision"], **fields}


async def send(city: City, act: str, items: object, post: str, key: str | None = None, **more: Any) -> httpx.Response:
    headers = city.headers(post, **more) | ({"Idempotency-Key": key} if key else {})
    return await city.http.post("/dispatch/v1/cases/bulk", headers=headers, json={"act": act, "items": items})


async def bulk_act(city: City, act: str, items: object, post: str, **more: Any) -> list[dict[str, Any]]:
    answer = await send(city, act, items, post, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]  # type: ignore[no-any-return]


async def everything(city: City, case_id: str) -> list[Any]:
    """All that an act writes of a case, without ids and times that are drawn anew."""
    pool = city.wired.pool
    case = dict((await pool.fetch("SELECT * FROM dispatch.cases WHERE id = $1", case_id))[0])
    drawn = (
        "id",
        "report_id",
        "number",
        "reports",
        "opened_at",
        "waits_xid",
        "waits_until",
        "ended_at",
        "due_at",
        "task_id",
        "head",
        "matters",
    )
    clocks = {
        stage: {name: n for name, n in clock.items() if name in ("limit", "continuous", "generation", "warned")}
        for stage, clock in case["clocks"].items()
    }
    timeline = await pool.fetch(
        "SELECT version, revision, act, actor, centre, post, from_status, status, opinion FROM dispatch.timeline"
        " WHERE case_id = $1 ORDER BY version",
        case_id,
    )
    timers = await pool.fetch("SELECT stage, step, generation FROM dispatch.clocks WHERE case_id = $1", case_id)
    events = [(row["type"], row["sequence"], row["key"], row["routing_key"]) for row in await city.outbox(case_id)]
    known = {name: value for name, value in case.items() if name not in (*drawn, "clocks")}
    return [known, clocks, [dict(row) for row in timeline], [dict(row) for row in timers], events]


async def test_a_whole_path_in_bulk_leaves_what_single_acts_leave(city: City) -> None:
    area = street()
    single, *many = [await city.case(routing_key=f"{area}.1") for _ in range(4)]
    for act, post, body in PATH:
        single = await city.act(single, act, post, body)
        outcomes = await bulk_act(city, act, [item(case, **body) for case in many], post)
        assert [outcome["status"] for outcome in outcomes] == [200] * 3
        many = [outcome["case"] for outcome in outcomes]
        assert [outcome["etag"] for outcome in outcomes] == [f'"{case["revision"]}"' for case in many]
        for case in many:
            assert await everything(city, case["id"]) == await everything(city, single["id"])


async def test_one_bad_case_keeps_no_other_from_being_done(city: City) -> None:
    area = street()
    good, stale, done, elsewhere, last = [await city.case(routing_key=f"{area}.1") for _ in range(5)]
    await city.wired.pool.execute("UPDATE dispatch.cases SET area = '110109.1' WHERE id = $1", elsewhere["id"])
    done = await city.act(done, "accept", "acceptor")
    outcomes = await bulk_act(
        city,
        "accept",
        [
            item(good, opinion="ok"),
            item(stale) | {"revision": 7},
            item(done),
            item(elsewhere),
            {"case": str(uuid7()), "revision": 1},
            {"case": "no id", "revision": 1},
            item(good),
            {"case": last["id"]},
            item(last, unit="water"),
        ],
        "acceptor",
    )
    slugs = [(each["status"], (each["problem"] or {}).get("type", "").removeprefix("/problems/")) for each in outcomes]
    assert slugs == [
        (200, ""),
        (412, "case-changed"),
        (409, "act-not-possible-now"),
        (404, "case-not-found"),
        (404, "case-not-found"),
        (422, "invalid"),
        (422, "case-named-twice"),
        (422, "invalid"),
        (422, "invalid"),
    ]
    assert outcomes[5]["problem"]["errors"][0]["pointer"] == "/items/5/case"
    assert outcomes[7]["problem"]["errors"][0]["pointer"] == "/items/7/revision"
    assert outcomes[8]["problem"]["errors"][0]["pointer"] == "/items/8/unit"
    assert outcomes[1]["problem"]["etag"] == '"1"'
    assert [each["id"] for each in outcomes[:4]] == [case["id"] for case in (good, stale, done, elsewhere)]
    assert (await city.seen(good["id"]))["status"] == "accepted"
    for case in (stale, last):
        assert (await city.seen(case["id"]))["version"] == 1


@pytest.mark.parametrize(
    ("body", "status", "slug", "pointer"),
    [
        ({"act": "accept", "items": []}, 422, "invalid", "/items"),
        ({"act": "accept", "items": [{}] * 201}, 422, "invalid", "/items"),
        ({"act": "accept"}, 422, "invalid", "/items"),
        ({"act": "burn", "items": [{}]}, 404, "unknown-act", None),
        ({"act": "auto_accept", "items": [{}]}, 404, "unknown-act", None),
        ({"act": "dispatch", "items": [{}]}, 403, "wrong-centre", None),
        ({"act": "file", "items": [{}]}, 403, "wrong-post", None),
    ],
)
async def test_what_is_wrong_for_all_is_refused_as_a_whole(
    city: City, body: Any, status: int, slug: str, pointer: str | None
) -> None:
    answer = await city.http.post("/dispatch/v1/cases/bulk", headers=city.headers("acceptor"), json=body)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{slug}")
    if pointer:
        assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_clerk_of_another_unit_and_a_reader_do_nothing(city: City) -> None:
    case = await city.until("dispatched")
    [outcome] = await bulk_act(city, "take", [item(case)], "unit_clerk", unit="gas")
    assert (outcome["status"], outcome["problem"]["type"]) == (403, "/problems/not-this-unit")
    [outcome] = await bulk_act(city, "take", [item(case) | {"revision": 1}], "unit_clerk", unit="gas")
    assert (outcome["status"], outcome["case"]) == (404, None)
    answer = await send(city, "take", [item(case)], "auditor")
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/action-not-allowed")


async def test_the_same_key_gets_the_same_answer_and_nothing_twice(city: City) -> None:
    area, key = street(), str(uuid4())
    cases = [await city.case(routing_key=f"{area}.1") for _ in range(3)]
    items = [*(item(case) for case in cases), {"case": str(uuid7()), "revision": 1}]
    answers = await asyncio.gather(*(send(city, "accept", items, "acceptor", key) for _ in range(4)))
    good = [answer for answer in answers if answer.status_code == 200]
    assert {answer.json()["type"] for answer in answers if answer.status_code != 200} <= {"/problems/in-flight"}
    again = await send(city, "accept", items, "acceptor", key)
    assert {answer.content for answer in good} == {again.content}
    assert again.json()["done"] == 3
    for case in cases:
        assert (await city.seen(case["id"]))["version"] == 2
    other = await send(city, "accept", items[:1], "acceptor", key)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")


async def test_refusals_alone_are_not_kept_and_are_decided_again(city: City) -> None:
    case, key = await city.case(), str(uuid4())
    items = [item(case) | {"revision": 2}]
    assert (await send(city, "accept", items, "acceptor", key)).json()["done"] == 0
    await city.wired.pool.execute("UPDATE dispatch.cases SET revision = 2 WHERE id = $1", case["id"])
    assert (await send(city, "accept", items, "acceptor", key)).json()["done"] == 1


async def test_bulks_in_opposite_orders_beside_single_acts_never_wait_for_each_other(city: City) -> None:
    area = street()
    cases = [await city.case(routing_key=f"{area}.1") for _ in range(40)]
    forth, back = [item(case) for case in cases], [item(case) for case in cases[::-1]]
    singles = [city.try_act(case, "accept", "acceptor") for case in cases[::5]]
    *answers, one, two = await asyncio.gather(
        *singles, send(city, "accept", forth, "acceptor"), send(city, "accept", back, "shift_leader")
    )
    assert (one.status_code, two.status_code) == (200, 200)
    done = one.json()["done"] + two.json()["done"] + sum(answer.status_code == 200 for answer in answers)
    assert done == len(cases)
    assert await city.wired.pool.fetchval(
        "SELECT count(*) FROM dispatch.timeline WHERE act = 'accept' AND case_id = ANY ($1::uuid[])",
        [case["id"] for case in cases],
    ) == len(cases)


async def test_two_hundred_cases_cost_as_many_round_trips_as_two(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key, the locks, one saving statement; begin and commit are not counted, for other jobs of this process have
    theirs.
    """
    area = street()
    said: list[str] = []
    for name in ("execute", "fetch", "fetchrow", "fetchval"):
        monkeypatch.setattr(Connection, name, _heard(getattr(Connection, name), said))
    counted = []
    for number in (2, 200):
        await city.deliver(*(city.record(routing_key=f"{area}.{number}") for _ in range(number)))
        rows = await city.wired.pool.fetch("SELECT id FROM dispatch.cases WHERE area = $1", f"{area}.{number}")
        items = [{"case": str(row["id"]), "revision": 1} for row in rows]
        said.clear()
        answer = await send(city, "accept", items, "acceptor", str(uuid4()))
        assert answer.json()["done"] == number
        # Routing rules are looked at by every command that has no job beside it, at most twice a second.
        counted.append(sum("dispatch." in query and "dispatch.routing_" not in query for query in said))
    assert counted == [3, 3], said


def _heard(method: Any, said: list[str]) -> Any:
    def called(self: Any, query: str, *arguments: Any, **more: Any) -> Any:
        said.append(query)
        return method(self, query, *arguments, **more)

    return called
