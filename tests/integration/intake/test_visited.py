"""Whom field work names: sealed under that person's key, read for a purpose, erased with the person, and in time."""

import asyncio
import io
from datetime import timedelta
from uuid import UUID, uuid4

import orjson
import pytest

from services.intake.api.activity_body import read_activity
from services.intake.commands.expire_personal import expire_personal
from services.intake.commands.forget_visited import forget_visited
from services.intake.commands.record_activities import _content
from services.intake.commands.seal_visited import hold_subjects, seal_visited
from services.intake.domain.activity import Person, Personal
from services.intake.sealing import CannotUnseal
from services.intake.store import activities
from shared.kernel.clock import utc_now
from shared.kernel.ids import uuid7
from shared.postgres import transaction
from tests.integration.intake.conftest import Place
from tests.integration.intake.test_activities import base, batch, post, visit
from tests.integration.intake.test_personal import erase, log, look, look_at, phone, reported


async def visited(intake: Place, **person: str) -> str:
    body = visit(person=person or {"name": "赵铁柱", "phone": phone()}, note="行动不便")
    answer = await post(intake, body)
    assert answer.status_code == 201, answer.text
    return str(body["id"])


async def subjects_of(intake: Place, *ids: str) -> list[UUID | None]:
    rows = await intake.wired.pool.fetch(
        "SELECT id, subject FROM intake.activities WHERE id = ANY($1::text[]::uuid[])", [*ids]
    )
    return [{str(row["id"]): row["subject"] for row in rows}[one] for one in ids]


async def gone(intake: Place, activity: str) -> bool:
    answer = await look_at(intake, activity)
    return bool(answer.status_code == 404 and answer.json()["type"] == "/problems/personal-erased")


# --- read ------------------------------------------------------------------------------------------------------------


async def test_a_desk_reads_whom_it_names_and_an_auditor_sees_who_did_and_why(intake: Place) -> None:
    person = {"name": "赵铁柱", "phone": phone(), "address": "学院路 30 号"}
    note = f"赵铁柱行动不便，电话 {person['phone']}，住学院路 30 号"
    body = visit(person=person, note=note, findings=[{"topic": "dispute", "text": "与赵铁柱争执"}])
    assert (await post(intake, body)).status_code == 201
    answer = await look_at(intake, body["id"], note=f"核实 {person['phone']}")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.json()["person"] == person
    assert (answer.json()["details"]["note"], answer.json()["details"]["findings"][0]["text"]) == (note, "与赵铁柱争执")
    (entry,) = await log(intake, activity=body["id"])
    assert (entry["act"], entry["actor"], entry["purpose"]) == ("read", "acceptor-1", "verification")
    assert (entry["report_id"], entry["activity_id"]) == (None, body["id"])
    assert person["phone"] not in entry["note"]


async def test_a_text_that_holds_a_number_is_read_as_it_was_written(intake: Place) -> None:
    body = base("diary", location=visit()["location"], content="来访，留电话13912345678")
    assert (await post(intake, body)).status_code == 201
    shown = (await look_at(intake, body["id"])).json()
    assert (shown["person"], shown["details"]["content"]) == (None, "来访，留电话13912345678")


@pytest.mark.parametrize("by", ["grid_worker", "grid_leader", "dispatcher", "auditor", "admin", "evaluator"])
async def test_posts_that_may_not_are_refused_and_nothing_is_written(intake: Place, by: str) -> None:
    activity = await visited(intake)
    assert (await look_at(intake, activity, by)).status_code == 403
    assert await log(intake, activity=activity) == []


async def test_where_there_is_nothing_to_read_it_is_said(intake: Place) -> None:
    plain = visit()
    assert (await post(intake, plain)).status_code == 201
    for activity, slug in ((plain["id"], "nothing-personal"), (str(uuid7()), "activity-not-found")):
        answer = await look_at(intake, activity)
        assert (answer.status_code, answer.json()["type"]) == (404, f"/problems/{slug}")
    activity = await visited(intake)
    url = f"/intake/v1/activities/{activity}/personal"
    other = intake.staff("acceptor", "110108.099")
    answer = await intake.http.post(url, json={"purpose": "emergency"}, headers=other)
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/activity-not-found")
    assert (await look_at(intake, activity, purpose="curiosity")).json()["errors"][0]["pointer"] == "/purpose"


async def test_the_same_look_sent_again_is_one_look(intake: Place) -> None:
    activity, key = await visited(intake), str(uuid4())
    headers = intake.staff("acceptor") | {"Idempotency-Key": key}
    url, sent = f"/intake/v1/activities/{activity}/personal", {"purpose": "emergency"}
    answers = [await intake.http.post(url, json=sent, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert len(await log(intake, activity=activity)) == 1


# --- sent again ------------------------------------------------------------------------------------------------------


async def test_what_is_sent_again_opens_as_before_and_makes_no_further_person(intake: Place) -> None:
    number = phone()
    body = visit(person={"phone": number}, note=f"电话 {number}")
    nameless = visit(note="电话13912345678")
    sent = [body, nameless]
    count = "SELECT count(*) FROM intake.subjects"
    answers = await asyncio.gather(*(post(intake, one) for one in sent * 4))
    assert sorted(answer.status_code for answer in answers) == [200] * 6 + [201] * 2
    people = await intake.wired.pool.fetchval(count)
    assert [line["status"] for line in await batch(intake, sent)] == [200, 200]
    assert await intake.wired.pool.fetchval(count) == people
    assert (await look_at(intake, body["id"])).json()["person"]["phone"] == number
    assert (await look_at(intake, nameless["id"])).json()["details"]["note"] == nameless["note"]


async def test_it_is_recognised_by_no_plain_hash_but_also_by_one_of_an_older_program(intake: Place) -> None:
    body = visit(person={"phone": phone()})
    assert (await post(intake, body)).status_code == 201
    who = await intake.wired.auth.principal(intake.staff("grid_worker")["Authorization"])
    plain = _content(read_activity(orjson.dumps(body)), who)
    pool = intake.wired.pool
    assert await pool.fetchval("SELECT content FROM intake.activities WHERE id = $1", body["id"]) != plain
    await pool.execute("UPDATE intake.activities SET content = $2 WHERE id = $1", body["id"], plain)
    assert (await post(intake, body)).status_code == 200
    assert (await post(intake, {**body, "purpose": "service"})).json()["type"] == "/problems/activity-id-reused"


async def test_an_idempotency_key_is_refused_with_another_body(intake: Place) -> None:
    headers = intake.staff("grid_worker") | {"Idempotency-Key": str(uuid4())}
    body, other = visit(), visit()
    url = "/intake/v1/activities"
    answers = [await intake.http.post(url, json=one, headers=headers) for one in (body, body, other)]
    assert [answer.status_code for answer in answers] == [201, 200, 422]
    assert answers[2].json()["type"] == "/problems/idempotency-key-reused"
    assert await intake.facts(other["id"]) == []
    headers["Idempotency-Key"] = str(uuid4())
    lines = [b"\n".join(orjson.dumps(one) for one in many) for many in ([body, other], [body, other], [visit()])]
    batches = [await intake.http.post(f"{url}/batch", content=one, headers=headers) for one in lines]
    assert [answer.status_code for answer in batches] == [200, 200, 422]
    bad = await intake.http.post(url, json=visit(), headers={**headers, "Idempotency-Key": "two words"})
    assert bad.json()["type"] == "/problems/bad-idempotency-key"


# --- erased ----------------------------------------------------------------------------------------------------------


async def test_who_reports_and_is_visited_is_one_person_and_erased_as_one(intake: Place) -> None:
    number, other = phone(), await visited(intake)
    report = await reported(intake, phone=number)
    at_home = [await visited(intake, name="赵铁柱", phone=f"+86 {number}") for _ in range(2)]
    answer = await erase(intake, phone=number)
    assert (answer.status_code, answer.json()) == (200, {"subjects": 1, "reports": 1, "activities": 2})
    for activity in at_home:
        assert await gone(intake, activity)
        assert [entry["act"] for entry in await log(intake, activity=activity)] == ["erase"]
        shown = await intake.http.get(f"/intake/v1/activities/{activity}", headers=intake.staff("grid_leader"))
        assert shown.status_code == 200
    assert await subjects_of(intake, *at_home) == [None, None]
    assert (await look(intake, report)).json()["type"] == "/problems/personal-erased"
    assert (await look_at(intake, other)).status_code == 200


async def test_what_is_sent_again_after_an_erasure_makes_no_person_of_them(intake: Place) -> None:
    number = phone()
    body = visit(person={"phone": number})
    assert (await post(intake, body)).status_code == 201
    assert (await erase(intake, phone=number)).json()["activities"] == 1
    assert (await post(intake, body)).status_code == 200
    assert (await erase(intake, phone=number)).json() == {"subjects": 0, "reports": 0, "activities": 0}


async def test_by_an_activity_the_whole_person_is_erased(intake: Place) -> None:
    number = phone()
    report, activity = await reported(intake, phone=number), await visited(intake, phone=number)
    again = await visited(intake, phone=number)
    assert (await erase(intake, activity=activity)).json() == {"subjects": 1, "reports": 1, "activities": 2}
    assert await gone(intake, again)
    assert (await look(intake, report)).json()["type"] == "/problems/personal-erased"
    nameless = await visited(intake, name="钱多多")
    assert (await erase(intake, activity=nameless)).json() == {"subjects": 1, "reports": 0, "activities": 1}
    assert (await erase(intake, activity=str(uuid7()))).json()["type"] == "/problems/activity-not-found"
    both = await erase(intake, activity=activity, phone=number)
    assert (both.status_code, both.json()["type"]) == (422, "/problems/one-of-three")


async def test_an_old_copy_of_field_work_brought_back_stays_unreadable(own_intake: Place) -> None:
    number = phone()
    activity, kept = await visited(own_intake, name="张三丰", phone=number), await visited(own_intake)
    copy = io.BytesIO()
    async with own_intake.wired.pool.acquire() as connection:
        await connection.copy_from_table("activities", schema_name="intake", output=copy, format="binary")
        assert (await erase(own_intake, phone=number)).json()["activities"] == 1
        await connection.execute("TRUNCATE intake.activities")
        source = io.BytesIO(copy.getvalue())
        await connection.copy_to_table("activities", schema_name="intake", source=source, format="binary")
        assert await gone(own_intake, activity)
        assert (await look_at(own_intake, kept)).status_code == 200
        found = await activities.find_sealed(connection, UUID(activity))
        assert found is not None
        assert found.sealed is not None
        vault = own_intake.wired.desk.vault
        for subject, key in await connection.fetch("SELECT id, key FROM intake.subjects"):
            with pytest.raises(CannotUnseal):
                vault.open_under(subject, key, found.sealed, found.id)
    assert number.encode() not in copy.getvalue()
    assert "张三丰".encode() not in copy.getvalue()


async def test_who_is_erased_while_a_visit_to_them_is_recorded_is_erased_or_asked_for_again(intake: Place) -> None:
    """Never a visit that is kept under a key which is gone: recorded before, it is erased with them; else made anew."""
    for _ in range(5):
        number = phone()
        await visited(intake, phone=number)
        bodies = [visit(person={"phone": number}) for _ in range(4)]
        *answers, erased = await asyncio.gather(*(post(intake, one) for one in bodies), erase(intake, phone=number))
        assert erased.status_code == 200
        for body, answer in zip(bodies, answers, strict=True):
            assert answer.status_code in (201, 503), answer.text
            if answer.status_code == 503:
                assert answer.json()["type"] == "/problems/subject-busy"
                continue
            shown = await look_at(intake, body["id"])
            assert shown.status_code == 200 or shown.json()["type"] == "/problems/personal-erased"
        left = await intake.wired.pool.fetchval(
            "SELECT count(*) FROM intake.activities a WHERE subject IS NOT NULL"
            " AND NOT EXISTS (SELECT FROM intake.subjects s WHERE s.id = a.subject)"
        )
        assert left == 0


# --- time is over ----------------------------------------------------------------------------------------------------


async def test_past_its_time_it_is_erased_and_written_down_and_so_is_a_person_with_nothing_else(
    own_intake: Place,
) -> None:
    place, number = own_intake, phone()
    report = await reported(place, phone=number)
    old, alone, young = [await visited(place, phone=one) for one in (number, phone(), phone())]
    (subject,) = await subjects_of(place, alone)
    long_ago = "UPDATE intake.activities SET started_at = started_at - interval '366 days' WHERE id = ANY($1::uuid[])"
    await place.wired.pool.execute(long_ago, [old, alone])
    assert await forget_visited(place.wired.pool, place.wired.clock, 365) is False
    for activity in (old, alone):
        assert await gone(place, activity)
        assert [(e["act"], e["actor"]) for e in await log(place, activity=activity)] == [("expire", "system:retention")]
    assert (await look_at(place, young)).status_code == 200
    assert (await look(place, report)).json()["reporter"]["phone"] == number
    assert await place.wired.pool.fetchval("SELECT count(*) FROM intake.subjects WHERE id = $1", subject) == 0


async def test_a_report_that_expires_leaves_the_person_of_a_visit(own_intake: Place) -> None:
    place, number = own_intake, phone()
    report, activity = await reported(place, phone=number), await visited(place, phone=number)
    await place.wired.pool.execute("UPDATE intake.personal SET received_at = now() - interval '30 months'")
    assert await expire_personal(place.wired.pool, place.wired.clock, 24) == 1
    assert (await look(place, report)).json()["type"] == "/problems/personal-erased"
    assert (await look_at(place, activity)).json()["person"]["phone"] == number


async def test_a_person_who_is_held_for_a_visit_ends_after_it(own_intake: Place) -> None:
    """Retention that ends a person at the moment of a visit waits for it, and sees it."""
    place, number = own_intake, phone()
    report = await reported(place, phone=number)
    await place.wired.pool.execute("UPDATE intake.personal SET received_at = now() - interval '30 months'")
    activity = uuid7()
    async with transaction(place.wired.pool) as tx:
        part = Personal(Person(None, number, None), {"note": "x"})
        sealed = (await seal_visited(place.wired.desk.vault, {activity: part}))[activity]
        await hold_subjects(tx, [sealed])
        expiring = asyncio.create_task(expire_personal(place.wired.pool, place.wired.clock, 24))
        await blocked(place)
        now = utc_now()
        await tx.execute(
            "INSERT INTO intake.activities (id, kind, worker, post, routing_key, grids, lon, lat, started_at, ended_at,"
            " recorded_at, details, media, reports, sealed, content, subject) SELECT $1, 'visit', 'w', 'grid_worker',"
            " '110108', '{}', 1, 1, $2, $2, $2, '{}', '{}', '{}', $3, '', $4",
            activity, now - timedelta(minutes=1), sealed.part, sealed.whose.subject,
        )  # fmt: skip
    assert await expiring == 1
    assert (await look(place, report)).json()["type"] == "/problems/personal-erased"
    assert (await look_at(place, activity)).json()["person"]["phone"] == number


async def blocked(intake: Place) -> None:
    """Until a connection of this database waits for a lock."""
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    for _ in range(1_000):
        if await intake.wired.pool.fetchval(waits):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nothing waits for a lock")
