"""What whoever sent a report may do with it afterwards: take it back, add to it."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from shared.contracts.intake import ReportSupplemented, ReportWithdrawn
from shared.kernel.ids import uuid7
from tests.integration.intake.conftest import Place, grid
from tests.integration.intake.test_status import hear, record, view
from tests.pictures import PNG

OTHERS = {"reason": "看错了"}


async def taken(intake: Place, headers: dict[str, str] | None = None) -> dict[str, Any]:
    answer = await intake.post(intake.body(), headers)
    assert answer.status_code == 201, answer.text
    report: dict[str, Any] = answer.json()
    return report


async def say(
    intake: Place, report: str, what: str, body: dict[str, Any], headers: dict[str, str] | None = None, key: str = ""
) -> httpx.Response:
    sent = {**(intake.app if headers is None else headers), **({"Idempotency-Key": key} if key else {})}
    return await intake.http.post(f"/intake/v1/reports/{report}/{what}", json=body, headers=sent)


async def test_the_app_that_sent_it_takes_it_back(intake: Place) -> None:
    report = await taken(intake)
    answer = await say(intake, report["id"], "withdrawal", {"reason": "看错了，请致电13812345678"})
    assert answer.status_code == 201, answer.text
    assert answer.json()["status"] == "withdrawn"
    _, fact = await intake.facts(report["id"])
    assert (fact["type"], fact["sequence"], fact["key"]) == ("report.withdrawn.v1", 2, grid(1, 1))
    data = ReportWithdrawn.model_validate_json(fact["data"])
    assert (data.reason, data.case_id, data.version) == ("看错了，请致电138********", None, 2)
    assert (
        await intake.wired.pool.fetchval(
            "SELECT reason FROM intake.withdrawals WHERE report_id = $1::text::uuid", report["id"]
        )
        == "看错了，请致电138********"
    ), "what names a person is kept nowhere"
    seen = await view(intake, report["id"])
    assert seen["status"] == "withdrawn"
    assert datetime.fromisoformat(seen["withdrawn_at"]) == datetime.fromisoformat(answer.json()["withdrawn_at"])


async def test_whoever_has_the_code_takes_it_back_without_an_account(intake: Place) -> None:
    report = await taken(intake)
    code = report["tracking_code"]
    spoken = f"{code[:4]}-{code[4:8]} {code[8:].lower()}"
    answer = await say(intake, report["id"], "withdrawal", {"reason": "看错了", "tracking_code": spoken}, {})
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("what", ["withdrawal", "additions"])
async def test_for_others_there_is_no_such_report(intake: Place, what: str) -> None:
    report, another = await taken(intake), await taken(intake)
    body = {"reason": "看错了"} if what == "withdrawal" else {"text": "补充"}
    wrong_code = {**body, "tracking_code": another["tracking_code"]}
    stranger = await intake.key()
    before = await intake.count()
    for headers, sent in (
        (stranger, body),
        (intake.staff("acceptor"), body),
        ({}, wrong_code),
        (intake.app, wrong_code),
    ):
        answer = await say(intake, report["id"], what, sent, headers)
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/report-not-found"), answer.text
    nowhere = await say(intake, str(uuid7()), what, body)
    assert (nowhere.status_code, nowhere.json()["type"]) == (404, "/problems/report-not-found")
    assert (await say(intake, report["id"], what, body, {})).status_code == 401
    assert (await say(intake, report["id"], what, body, {"Authorization": "Bearer wg_no"})).status_code == 401
    assert await intake.count() == before


async def test_once_somebody_acted_it_can_be_added_to_but_not_taken_back(intake: Place) -> None:
    report, case = await taken(intake), uuid7()
    await hear(intake, record(case, 1, "reported", [report["id"]]), record(case, 2, "accepted", [report["id"]]))
    refused = await say(intake, report["id"], "withdrawal", OTHERS)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/already-acted-on")
    assert refused.json()["case_status"] == "accepted"
    added = await say(intake, report["id"], "additions", {"text": "又掉了一个"})
    assert added.status_code == 201
    fact = (await intake.facts(report["id"]))[-1]
    assert ReportSupplemented.model_validate_json(fact["data"]).case_id == case


async def test_it_is_taken_back_once(intake: Place) -> None:
    report = await taken(intake)
    answers = await asyncio.gather(*(say(intake, report["id"], "withdrawal", OTHERS) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert len(await intake.facts(report["id"])) == 2
    late = await say(intake, report["id"], "additions", {"text": "x"})
    assert (late.status_code, late.json()["type"]) == (409, "/problems/already-withdrawn")


async def test_one_whose_case_went_on_shows_the_case_s_status(intake: Place) -> None:
    report, case = await taken(intake), uuid7()
    assert (await say(intake, report["id"], "withdrawal", OTHERS)).status_code == 201
    await hear(intake, record(case, 2, "accepted", [report["id"]]))
    assert (await view(intake, report["id"]))["status"] == "accepted", "somebody was faster"
    await hear(intake, record(case, 3, "voided", [report["id"]]))
    assert (await view(intake, report["id"]))["status"] == "withdrawn"


async def test_text_and_media_are_added_and_published(intake: Place) -> None:
    report = await taken(intake)
    upload = await intake.http.post("/intake/v1/media", files={"file": PNG}, headers=intake.app)
    photo = upload.json()["id"]
    answers = [
        await say(intake, report["id"], "additions", {"text": "路口北侧，电话13812345678"}),
        await say(intake, report["id"], "additions", {"media": [photo]}),
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    facts = (await intake.facts(report["id"]))[1:]
    assert [(fact["type"], fact["sequence"]) for fact in facts] == [
        ("report.supplemented.v1", 2),
        ("report.supplemented.v1", 3),
    ]
    one, other = (ReportSupplemented.model_validate_json(fact["data"]) for fact in facts)
    assert (one.text, one.media) == ("路口北侧，电话138********", [])
    assert (other.text, other.media) == (None, [UUID(photo)])
    assert [str(one.addition_id), str(other.addition_id)] == [answer.json()["id"] for answer in answers]


@pytest.mark.parametrize(
    ("what", "body", "slug", "pointer"),
    [
        ("withdrawal", {}, "invalid", "/reason"),
        ("withdrawal", {"reason": ""}, "invalid", "/reason"),
        ("withdrawal", {"reason": "长" * 501}, "invalid", "/reason"),
        ("withdrawal", {"reason": "a\x00b"}, "invalid", "/reason"),
        ("withdrawal", {"reason": "x", "why": "y"}, "invalid", "/why"),
        ("additions", {}, "nothing-added", ""),
        ("additions", {"text": "  "}, "nothing-added", ""),
        ("additions", {"text": "长" * 2001}, "invalid", "/text"),
        ("additions", {"media": ["x"]}, "invalid", "/media/0"),
        ("additions", {"media": [str(uuid4())]}, "unknown-media", "/media/0"),
    ],
)
async def test_what_is_wrong_is_named(intake: Place, what: str, body: dict[str, Any], slug: str, pointer: str) -> None:
    report = await taken(intake)
    answer = await say(intake, report["id"], what, body)
    assert (answer.status_code, answer.json()["type"]) == (422, f"/problems/{slug}"), answer.text
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert len(await intake.facts(report["id"])) == 1


async def test_media_of_an_addition_may_still_be_on_the_way_for_the_app_alone(intake: Place) -> None:
    report, photo = await taken(intake), str(uuid7())
    code = {"media": [photo], "tracking_code": report["tracking_code"]}
    refused = await say(intake, report["id"], "additions", code, {})
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/unknown-media")
    assert (await say(intake, report["id"], "additions", {"media": [photo]})).status_code == 201
    stranger = await say(intake, report["id"], "additions", {"media": [str(uuid7())]}, await intake.key())
    assert stranger.status_code == 404, "who did not send the report names nothing"


async def test_after_the_case_nothing_is_added_and_before_it_not_without_end(intake: Place) -> None:
    report, case = await taken(intake), uuid7()
    for n in range(20):
        assert (await say(intake, report["id"], "additions", {"text": f"补充 {n}"})).status_code == 201
    full = await say(intake, report["id"], "additions", {"text": "x"})
    assert (full.status_code, full.json()["type"]) == (409, "/problems/too-many-additions")
    await hear(intake, record(case, 9, "closed", [report["id"]]))
    ended = await say(intake, report["id"], "additions", {"text": "x"})
    assert (ended.status_code, ended.json()["type"]) == (409, "/problems/report-ended")


@pytest.mark.parametrize(("what", "body"), [("withdrawal", OTHERS), ("additions", {"text": "路口北侧"})])
async def test_sent_again_it_is_done_once(intake: Place, what: str, body: dict[str, Any]) -> None:
    report, key = await taken(intake), uuid4().hex
    answers = await asyncio.gather(*(say(intake, report["id"], what, body, key=key) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len(await intake.facts(report["id"])) == 2
    other = await say(intake, report["id"], what, {**body, "tracking_code": report["tracking_code"]}, key=key)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")
