"""What is personal: kept under a person's key, read for a purpose, erased for good."""

import asyncio
import io
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest

from services.intake.commands.expire_personal import expire_personal, months_before
from services.intake.commands.rewrap_personal import rewrap_personal
from services.intake.commands.vault import Due, Opening, Vault
from services.intake.domain.report import Personal, Reporter
from services.intake.sealing import CannotUnseal, Sealer, encrypt
from services.intake.store import activities, subjects
from services.intake.store import personal as store
from shared.idempotency import request_hash
from shared.kernel.ids import tracking_code, uuid7
from tests.integration.intake.conftest import Place, grid
from tests.integration.intake.test_status import hear, record


def phone() -> str:
    return f"139{uuid4().int % 10**8:08d}"


async def reported(intake: Place, **reporter: str) -> str:
    answer = await intake.post(intake.body(reporter=reporter or {"name": "王女士", "phone": phone()}))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def look(intake: Place, report: str, post: str = "acceptor", key: str | None = None, **body: Any) -> Any:
    headers = intake.staff(post) | ({"Idempotency-Key": key} if key else {})
    sent = {"purpose": "return_visit", **body}
    return await intake.http.post(f"/intake/v1/reports/{report}/personal", json=sent, headers=headers)


async def look_at(intake: Place, activity: object, post: str = "acceptor", **body: Any) -> Any:
    """As `look`, at whom an activity names."""
    sent, url = {"purpose": "verification", **body}, f"/intake/v1/activities/{activity}/personal"
    return await intake.http.post(url, json=sent, headers=intake.staff(post))


async def erase(intake: Place, post: str = "admin", **body: Any) -> Any:
    sent = {"reason": "subject_request", **body}
    return await intake.http.post("/intake/v1/personal/erasures", json=sent, headers=intake.staff(post))


async def log(intake: Place, **query: Any) -> list[dict[str, Any]]:
    answer = await intake.http.get("/intake/v1/personal/log", params=query, headers=intake.staff("auditor"))
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def subject_of(intake: Place, report: str) -> UUID:
    found = await intake.wired.pool.fetchval("SELECT subject FROM intake.personal WHERE report_id = $1", UUID(report))
    assert isinstance(found, UUID)
    return found


# --- read ------------------------------------------------------------------------------------------------------------


async def test_a_desk_reads_what_was_said_and_an_auditor_sees_who_did_and_why(intake: Place):
    number = phone()
    text = f"井盖破损，找王师傅 {number}"
    sent = intake.body(
        description=text,
        reporter={"name": "王女士", "phone": number, "email": "wang@example.org"},
        attributes={"who": f"电话{number}", "depth": 3},
    )
    report = (await intake.post(sent)).json()["id"]
    answer = await look(intake, report, note=f"打 {number} 回访")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "report_id": report,
        "description": text,
        "reporter": {"name": "王女士", "phone": number, "email": "wang@example.org"},
        "attributes": {"who": f"电话{number}", "depth": 3},
    }
    (entry,) = await log(intake, report=report)
    assert (entry["act"], entry["actor"], entry["post"], entry["purpose"]) == (
        "read", "acceptor-1", "acceptor", "return_visit",
    )  # fmt: skip
    assert number not in entry["note"]
    assert entry["note"].startswith("打 139****")
    row = await intake.stored(report)
    assert row["description"] == text.replace(number, "139" + "*" * 8)
    assert row["details"]["attributes"] == {"who": "电话139********", "depth": 3}


@pytest.mark.parametrize("post", ["dispatcher", "unit_clerk", "grid_worker", "auditor", "admin", "evaluator"])
async def test_posts_that_may_not_are_refused_and_nothing_is_written(intake: Place, post: str):
    report = await reported(intake)
    answer = await look(intake, report, post)
    assert answer.status_code == 403
    assert await log(intake, report=report) == []


async def test_an_apps_key_reads_nothing_personal(intake: Place):
    report = await reported(intake)
    sent = {"purpose": "return_visit"}
    answer = await intake.http.post(f"/intake/v1/reports/{report}/personal", json=sent, headers=intake.app)
    assert answer.status_code == 403


async def test_a_desk_of_another_street_does_not_learn_that_the_report_exists(intake: Place):
    report = await reported(intake)
    headers = intake.staff("acceptor", "110108.099")
    answer = await intake.http.post(
        f"/intake/v1/reports/{report}/personal", json={"purpose": "emergency"}, headers=headers
    )
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/report-not-found")


async def test_without_a_purpose_or_with_another_one_nothing_is_read(intake: Place):
    report = await reported(intake)
    for body in ({}, {"purpose": "curiosity"}, {"purpose": None}):
        headers = intake.staff("acceptor")
        answer = await intake.http.post(f"/intake/v1/reports/{report}/personal", json=body, headers=headers)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/purpose"


async def test_the_same_look_sent_again_is_one_look_and_its_answer_is_stored_nowhere(intake: Place):
    number = phone()
    report = await reported(intake, phone=number)
    key = str(uuid4())
    answers = [await look(intake, report, key=key) for _ in range(2)]
    assert [answer.json()["reporter"]["phone"] for answer in answers] == [number, number]
    assert len(await log(intake, report=report)) == 1
    assert (await look(intake, report, key=key, purpose="emergency")).status_code == 422
    body = await intake.wired.pool.fetchval("SELECT body FROM intake.idempotency WHERE key = $1", key)
    assert body == b""


async def test_a_report_without_anything_personal_says_so(intake: Place):
    report = (await intake.post(intake.body())).json()["id"]
    answer = await look(intake, report)
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/nothing-personal")


async def test_the_log_is_only_added_to(intake: Place):
    report = await reported(intake)
    await look(intake, report)
    for sql in (
        "UPDATE intake.personal_log SET actor = 'x'",
        "DELETE FROM intake.personal_log",
        "TRUNCATE intake.personal_log",
    ):
        with pytest.raises(asyncpg.RaiseError, match="only added to"):
            await intake.wired.pool.execute(sql)


# --- whose it is -----------------------------------------------------------------------------------------------------


async def test_the_same_telephone_number_however_written_or_address_is_the_same_person(intake: Place):
    number, address = phone(), f"{uuid4().hex}@example.org"
    first = await reported(intake, phone=number)
    again = await reported(intake, phone=f"+86 {number[:3]}-{number[3:7]}-{number[7:]}", email=address)
    by_mail = await reported(intake, email=address.upper())
    wide = await reported(intake, phone="".join(chr(ord(c) + 0xFEE0) for c in number))
    other = await reported(intake, phone=phone())
    subjects = [await subject_of(intake, one) for one in (first, again, by_mail, wide, other)]
    assert subjects[0] == subjects[1] == subjects[2] == subjects[3]
    assert subjects[4] != subjects[0]


async def test_fifty_at_once_from_one_person_are_one_subject_and_all_can_be_read(intake: Place):
    number = phone()
    reports = await asyncio.gather(*(reported(intake, phone=number) for _ in range(50)))
    assert len({await subject_of(intake, report) for report in reports}) == 1
    for report in reports[::10]:
        assert (await look(intake, report)).json()["reporter"]["phone"] == number


async def test_two_processes_make_one_subject_of_one_person(intake: Place):
    number = phone()
    wired = intake.wired
    vaults = [Vault(wired.pool, wired.desk.sealer, wired.clock) for _ in range(4)]
    dues = [due_of(intake, Reporter(None, number, None)) for _ in range(40)]
    await asyncio.gather(*(vaults[n % 4].keep_due([due]) for n, due in enumerate(dues)))
    assert len({await subject_of(intake, str(due.report_id)) for due in dues}) == 1


def due_of(intake: Place, reporter: Reporter) -> Due:
    report = uuid7()
    sealed = intake.wired.desk.sealer.seal(report, Personal("x", reporter))
    return Due(report, tracking_code(), intake.wired.clock(), sealed)


async def test_new_known_and_nameless_persons_of_a_group_take_one_statement(
    intake: Place, monkeypatch: pytest.MonkeyPatch
):
    rounds: list[tuple[int, int]] = []
    keep = subjects.keep

    async def counted(connection: Any, candidates: Any, kept: Any, at: datetime) -> Any:
        rounds.append((len(candidates), len(kept)))
        return await keep(connection, candidates, kept, at)

    monkeypatch.setattr(subjects, "keep", counted)
    monkeypatch.setattr(subjects, "find_or_make", None)
    vault, known = Vault(intake.wired.pool, intake.wired.desk.sealer, intake.wired.clock), Reporter(None, phone(), None)
    await vault.keep_due([due_of(intake, known)])
    new, nameless = due_of(intake, Reporter(None, phone(), None)), due_of(intake, Reporter("王", None, None))
    group = [due_of(intake, known), new, due_of(intake, known), nameless]
    await vault.keep_due(group)
    assert rounds == [(1, 1), (2, 4)]
    people = [await subject_of(intake, str(due.report_id)) for due in group]
    assert people[0] == people[2]
    assert len(set(people)) == 3
    # Another process made them: found by one statement, kept by the next.
    other = Vault(intake.wired.pool, intake.wired.desk.sealer, intake.wired.clock)
    await other.keep_due([again := due_of(intake, known)])
    assert rounds[2:] == [(1, 1), (0, 1)]
    assert await subject_of(intake, str(again.report_id)) == people[0]


@pytest.mark.parametrize("known", [True, False])
async def test_each_further_address_of_a_person_leads_to_them(intake: Place, known: bool):
    number, names = phone(), [f"{uuid4().hex}@example.org" for _ in range(3)]
    vault = Vault(intake.wired.pool, intake.wired.desk.sealer, intake.wired.clock)
    if known:
        await vault.keep_due([due_of(intake, Reporter(None, number, None))])
    together = [due_of(intake, Reporter(None, number, name)) for name in (None, *names[:2])]
    await vault.keep_due(together)
    await vault.keep_due([last := due_of(intake, Reporter(None, number, names[2]))])
    people = {await subject_of(intake, str(due.report_id)) for due in (*together, last)}
    assert len(people) == 1
    async with intake.wired.pool.acquire() as connection:
        for name in names:
            mark = await vault.mark(connection, f"email:{name}")
            assert await subjects.by_mark(connection, mark) == [*people]


async def test_who_was_erased_by_another_process_is_a_new_person_to_this_one(intake: Place):
    number = phone()
    vault = Vault(intake.wired.pool, intake.wired.desk.sealer, intake.wired.clock)
    first = due_of(intake, Reporter(None, number, None))
    await vault.keep_due([first])
    before = await subject_of(intake, str(first.report_id))
    assert (await erase(intake, phone=number)).json()["subjects"] == 1
    again = [due_of(intake, Reporter(None, number, None)) for _ in range(2)]
    await vault.keep_due(again)
    (after,) = {await subject_of(intake, str(due.report_id)) for due in again}
    assert after != before


async def test_a_batch_keeps_its_keys_too(intake: Place):
    number = phone()
    lines = [intake.body(reporter={"phone": number}), intake.body(description="车牌京A12345挡道"), intake.body()]
    answer = await intake.http.post(
        "/intake/v1/reports/batch",
        content=b"\n".join(orjson.dumps(line) for line in lines),
        headers={**intake.app, "Content-Type": "application/x-ndjson"},
    )
    ids = [orjson.loads(line)["id"] for line in answer.content.splitlines()]
    assert (await look(intake, ids[0])).json()["reporter"]["phone"] == number
    second = (await look(intake, ids[1])).json()
    assert (second["description"], second["reporter"]) == ("车牌京A12345挡道", None)
    assert (await look(intake, ids[2])).status_code == 404


# --- erased ----------------------------------------------------------------------------------------------------------


async def test_an_erased_person_is_unreadable_and_the_reports_stay(intake: Place):
    number, other = phone(), phone()
    mine = [await reported(intake, phone=number, name="王女士") for _ in range(3)]
    theirs = await reported(intake, phone=other)
    answer = await erase(intake, phone=f"+86{number}")
    assert (answer.status_code, answer.json()) == (200, {"subjects": 1, "reports": 3, "activities": 0})
    for report in mine:
        gone = await look(intake, report)
        assert (gone.status_code, gone.json()["type"]) == (404, "/problems/personal-erased")
        assert (await intake.http.get(f"/intake/v1/reports/{report}", headers=intake.app)).status_code == 200
        assert [entry["act"] for entry in await log(intake, report=report)] == ["erase"]
    assert (await look(intake, theirs)).status_code == 200
    assert (await erase(intake, phone=number)).json() == {"subjects": 0, "reports": 0, "activities": 0}
    # They may report again, and are a new subject then.
    later = await reported(intake, phone=number)
    assert (await look(intake, later)).json()["reporter"]["phone"] == number


async def test_by_an_address_reports_by_telephone_of_the_same_person_go_too(intake: Place):
    number, address = phone(), f"{uuid4().hex}@example.org"
    by_mail = await reported(intake, email=address)
    by_phone = await reported(intake, phone=number)
    both = await reported(intake, phone=number, email=address)
    assert (await erase(intake, email=address)).json()["reports"] == 3
    for report in (by_mail, by_phone, both):
        assert (await look(intake, report)).json()["type"] == "/problems/personal-erased"


async def test_by_a_report_the_whole_person_is_erased(intake: Place):
    number = phone()
    reports = [await reported(intake, phone=number) for _ in range(2)]
    assert (await erase(intake, report=reports[0])).json() == {"subjects": 1, "reports": 2, "activities": 0}
    nameless = (await intake.post(intake.body(description="身份证110108199001011234"))).json()["id"]
    assert (await erase(intake, report=nameless)).json() == {"subjects": 1, "reports": 1, "activities": 0}


async def test_an_old_copy_of_the_reports_brought_back_stays_unreadable(own_intake: Place):
    """Crypto-shredding: everything but the subjects' keys comes back from before; no key that is left opens it."""
    number = phone()
    report = await reported(own_intake, name="张三丰", phone=number)
    kept = await reported(own_intake, phone=phone())
    copies: dict[str, bytes] = {}
    async with own_intake.wired.pool.acquire() as connection:
        for table in ("reports", "personal", "outbox", "idempotency"):
            copy = io.BytesIO()
            await connection.copy_from_table(table, schema_name="intake", output=copy, format="binary")
            copies[table] = copy.getvalue()
        assert (await erase(own_intake, phone=number)).json()["reports"] == 1
        for table, content in copies.items():
            await connection.execute(f"TRUNCATE intake.{table}")
            await connection.copy_to_table(table, schema_name="intake", source=io.BytesIO(content), format="binary")
        found = await store.find(connection, UUID(report))
        assert found is not None
        assert found.sealed is not None
        assert found.key is not None
        answer = await look(own_intake, report)
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/personal-erased")
        assert (await look(own_intake, kept)).status_code == 200
        # Every key of the database, and the installation's own, on the copy.
        for subject, key in await connection.fetch("SELECT id, key FROM intake.subjects"):
            with pytest.raises(CannotUnseal):
                own_intake.wired.desk.vault.open(Opening(found.id, found.sealed, found.key, subject, key))
        with pytest.raises(CannotUnseal):
            own_intake.wired.desk.sealer.unseal(found.id, b"\x01" + found.sealed[1:])
        for content in copies.values():
            assert number.encode() not in content
            assert "张三丰".encode() not in content


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"phone": "no number"}, "/phone"),
        ({"email": "nobody"}, "/email"),
        ({}, ""),
        ({"phone": "13812345678", "email": "a@b.cn"}, ""),
        ({"phone": "13812345678", "reason": "because"}, "/reason"),
    ],
)
async def test_whom_to_erase_must_be_said_in_one_way_that_can_be_read(intake: Place, body: Any, pointer: str):
    answer = await erase(intake, **body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert "13812345678" not in answer.text


async def test_only_an_administrator_of_the_whole_city_erases(intake: Place):
    report = await reported(intake)
    for post in ("acceptor", "auditor", "shift_leader"):
        assert (await erase(intake, post, report=report)).status_code == 403
    narrow = intake.staff("admin", "110108.012")
    answer = await intake.http.post(
        "/intake/v1/personal/erasures", json={"report": report, "reason": "unlawful"}, headers=narrow
    )
    assert answer.status_code == 403
    assert (await look(intake, report)).status_code == 200


async def test_an_erasure_sent_again_is_one_and_no_plain_hash_of_the_number_is_kept(intake: Place):
    import hashlib

    number = phone()
    await reported(intake, phone=number)
    headers = {**intake.staff("admin"), "Idempotency-Key": str(uuid4()), "Content-Type": "application/json"}
    body = f'{{"phone": "{number}", "reason": "consent_withdrawn"}}'.encode()
    answers = [await intake.http.post("/intake/v1/personal/erasures", content=body, headers=headers) for _ in range(2)]
    assert [answer.json() for answer in answers] == [{"subjects": 1, "reports": 1, "activities": 0}] * 2
    stored = await intake.wired.pool.fetchval(
        "SELECT request_hash FROM intake.idempotency WHERE key = $1", headers["Idempotency-Key"]
    )
    plain = hashlib.sha256(b"POST /intake/v1/personal/erasures\n" + body).digest()
    assert stored != plain


async def test_no_door_keeps_a_plain_hash_of_what_was_posted_and_what_an_older_program_kept_still_answers(
    intake: Place,
):
    number, key = phone(), str(uuid4())
    body = orjson.dumps(intake.body(reporter={"phone": number}))
    first = await intake.post(body, key=key)
    plain = request_hash("POST", "/v1/reports", body)
    find = "SELECT request_hash FROM intake.idempotency WHERE key LIKE $1 || '%'"
    pool = intake.wired.pool
    assert await pool.fetchval(find, key) != plain
    assert (await intake.post(body, key=key)).content == first.content
    await pool.execute("UPDATE intake.idempotency SET request_hash = $2 WHERE key = $1", key, plain)
    assert (await intake.post(body, key=key)).content == first.content
    assert (await intake.post(body + b" ", key=key)).json()["type"] == "/problems/idempotency-key-reused"

    report, key = first.json()["id"], str(uuid4())
    sent, path = orjson.dumps({"text": f"打 {number}"}), f"/v1/reports/{report}/additions"
    headers = intake.app | {"Idempotency-Key": key, "Content-Type": "application/json"}
    assert (await intake.http.post(f"/intake{path}", content=sent, headers=headers)).status_code == 201
    kept = await pool.fetchval(find, key)
    assert kept not in (request_hash("POST", path, sent), request_hash("POST", f"/intake{path}", sent))
    headers["Idempotency-Key"] = key = str(uuid4())
    answers = [await intake.http.post("/intake/v1/reports/batch", content=body, headers=headers) for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert await pool.fetchval(find, key) != request_hash("POST", "/v1/reports/batch", body)


# --- time is over ----------------------------------------------------------------------------------------------------


async def _aged(intake: Place, report: str, months: int, status: str | None) -> None:
    await intake.wired.pool.execute(
        "UPDATE intake.personal SET received_at = now() - make_interval(months => $2),"
        " ended_at = CASE WHEN $3::text IS NULL THEN NULL ELSE now() - make_interval(months => $2) END"
        " WHERE report_id = $1",
        UUID(report), months, status,
    )  # fmt: skip
    if status:
        await intake.wired.pool.execute(
            "INSERT INTO intake.report_status (report_id, case_id, version, status) VALUES ($1, $2, 1, $3)",
            UUID(report), uuid4(), status,
        )  # fmt: skip


async def test_what_is_past_its_time_is_erased_and_written_down_and_nothing_else(own_intake: Place):
    number = phone()
    past, caseless, young, reopened = [await reported(own_intake, phone=number) for _ in range(4)]
    alone = await reported(own_intake, phone=phone())
    await _aged(own_intake, past, 25, "closed")
    await _aged(own_intake, caseless, 25, None)
    await _aged(own_intake, young, 23, "closed")
    await _aged(own_intake, reopened, 25, "handling")
    await _aged(own_intake, alone, 25, "rejected")
    wired = own_intake.wired
    alone_subject = await subject_of(own_intake, alone)
    assert await expire_personal(wired.pool, wired.clock, 24, batch=2) == 2
    assert await expire_personal(wired.pool, wired.clock, 24, batch=2) == 1
    assert await expire_personal(wired.pool, wired.clock, 24, batch=2) == 0
    for report in (past, caseless, alone):
        assert (await look(own_intake, report)).json()["type"] == "/problems/personal-erased"
        assert [(entry["act"], entry["actor"]) for entry in await log(own_intake, report=report)] == [
            ("expire", "system:retention")
        ]
    for report in (young, reopened):
        assert (await look(own_intake, report)).json()["reporter"]["phone"] == number
    left = await wired.pool.fetchval("SELECT count(*) FROM intake.subjects WHERE id = $1", alone_subject)
    assert left == 0


async def test_the_time_runs_from_the_fact_that_ended_the_case(intake: Place):
    report = await reported(intake)
    case = uuid4()
    await hear(intake, record(case, 1, "handling", [report]))
    ended = "SELECT ended_at FROM intake.personal WHERE report_id = $1"
    assert await intake.wired.pool.fetchval(ended, UUID(report)) is None
    closing = record(case, 2, "closed", [report])
    await hear(intake, closing)
    assert await intake.wired.pool.fetchval(ended, UUID(report)) == closing.at


def test_months_are_those_of_the_calendar():
    at = datetime(2026, 3, 31, 12, tzinfo=UTC)
    assert months_before(at, 1) == datetime(2026, 2, 28, 12, tzinfo=UTC)
    assert months_before(at, 25) == datetime(2024, 2, 29, 12, tzinfo=UTC)
    assert months_before(at, 3) == datetime(2025, 12, 31, 12, tzinfo=UTC)


# --- keys are changed ------------------------------------------------------------------------------------------------


async def test_a_new_installation_key_opens_everything_once_it_is_rewrapped_and_the_old_one_nothing(own_intake: Place):
    import os

    wired = own_intake.wired
    number = phone()
    report = await reported(own_intake, phone=number)
    nameless = (await own_intake.post(own_intake.body(description="手机13912345678"))).json()["id"]
    old_key = _key_of(own_intake)
    new_key = os.urandom(32)
    # A report that an older program sealed.
    old_report = (await own_intake.post(own_intake.body())).json()["id"]
    await wired.pool.execute(
        "UPDATE intake.reports SET sealed = $2 WHERE id = $1",
        UUID(old_report), old_form(old_key, UUID(old_report), number),
    )  # fmt: skip
    assert (await look(own_intake, old_report)).json()["reporter"]["phone"] == number
    before = {row["id"]: row["key"] for row in await wired.pool.fetch("SELECT id, key FROM intake.subjects")}
    both = Vault(wired.pool, Sealer(new_key, [old_key]), wired.clock)
    visit, whom = uuid4(), orjson.dumps({"person": {"name": "赵", "phone": number}, "details": {"note": "x"}})
    await wired.pool.execute(
        "INSERT INTO intake.activities (id, kind, worker, post, routing_key, grids, lon, lat, started_at, ended_at,"
        " recorded_at, details, media, reports, sealed, content) SELECT $1, 'visit', 'w', 'grid_worker', $3, '{}', 1,"
        " 1, now(), now(), now(), '{}', '{}', '{}', $2, ''",
        visit, Sealer(old_key).lock_up(visit.bytes, whom), grid(1, 1),
    )  # fmt: skip
    assert (await look_at(own_intake, visit)).json()["person"]["phone"] == number
    done = await rewrap_personal(wired.pool, both, wired.clock, "cli:test")
    assert done == (2, 1, 1)
    assert (await rewrap_personal(wired.pool, both, wired.clock, "cli:test")) == (0, 0, 0)
    fresh, old = Vault(wired.pool, Sealer(new_key), wired.clock), Vault(wired.pool, Sealer(old_key), wired.clock)
    async with wired.pool.acquire() as connection:
        for one, expected in ((report, number), (nameless, None), (old_report, number)):
            found = await store.find(connection, UUID(one))
            assert found is not None
            assert found.sealed is not None
            opening = Opening(found.id, found.sealed, found.key, found.subject, found.subject_key)
            opened = fresh.open(opening)
            assert opened is not None
            assert (opened.reporter and opened.reporter.phone) == expected
            with pytest.raises(CannotUnseal):
                old.open(opening)
        sealed = await activities.find_sealed(connection, visit)
        assert sealed is not None
        assert sealed.subject is not None
        assert sealed.sealed is not None
        assert sealed.subject_key is not None
        opened_now = fresh.open_under(sealed.subject, sealed.subject_key, sealed.sealed, visit)
        assert orjson.loads(opened_now)["person"]["phone"] == number
        assert sealed.subject == await subject_of(own_intake, report)
        # The person is known again, also of the report that was sealed anew; a copy of the keys from before is dead.
        assert await fresh.mark(connection, f"phone:{number}")
    assert await subject_of(own_intake, report) == await subject_of(own_intake, old_report)
    for subject, key in before.items():
        with pytest.raises(CannotUnseal):
            Sealer(new_key).keys.unwrap(key, subject.bytes)


async def test_a_process_without_the_key_says_so_and_stores_nothing(own_intake: Place):
    import os

    wired, number = own_intake.wired, phone()
    report = await reported(own_intake, phone=number)
    kept = await own_intake.count()
    right = wired.desk.vault.sealer
    wired.desk.vault.sealer = Sealer(os.urandom(32))
    try:
        answer = await own_intake.post(own_intake.body(reporter={"phone": number}))
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/personal-key-missing")
        assert await own_intake.count() == kept
        answer = await look(own_intake, report)
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/personal-key-missing")
        assert number not in answer.text
    finally:
        wired.desk.vault.sealer = right
    assert (await look(own_intake, report)).status_code == 200


def _key_of(intake: Place) -> bytes:
    from services.intake.sealing import personal_key

    return personal_key(intake.wired.settings)


def old_form(master: bytes, report: UUID, number: str) -> bytes:
    """As the program before this one sealed a report."""
    import os

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    own = os.urandom(32)
    text = orjson.dumps(("井盖破损", (None, number, None)))
    return b"\x01" + encrypt(AESGCM(master), own, report.bytes) + encrypt(AESGCM(own), text, report.bytes)
