"""Many reports in one request."""

from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import orjson
import pytest

from services.intake.commands.receive_report import entry
from services.intake.store import reports as store
from tests.integration.intake.conftest import Place, grid, middle


async def send(
    intake: Place, lines: list[Any], headers: dict[str, str] | None = None, key: str | None = None
) -> httpx.Response:
    body = b"\n".join(line if isinstance(line, bytes) else orjson.dumps(line) for line in lines)
    sent = {"Content-Type": "application/x-ndjson", **(intake.app if headers is None else headers)}
    if key is not None:
        sent["Idempotency-Key"] = key
    return await intake.http.post("/intake/v1/reports/batch", content=body + b"\n", headers=sent)


def read(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [orjson.loads(line) for line in answer.content.splitlines()]


async def test_each_line_is_answered_and_stored(intake: Place) -> None:
    lines = [intake.body(location=middle(n % 4, n // 4 % 4)) for n in range(40)]
    before = await intake.count()
    answers = read(await send(intake, lines))
    assert [answer["line"] for answer in answers] == list(range(1, 41))
    assert {answer["status"] for answer in answers} == {201}
    assert set(answers[0]) == {"line", "status", "id", "tracking_code"}
    after = await intake.count()
    assert (after[0] - before[0], after[1] - before[1]) == (40, 40)
    stored = await intake.stored(answers[5]["id"])
    assert stored["routing_key"] == grid(1, 1)
    assert len(await intake.facts(answers[5]["id"])) == 1


async def test_a_refused_line_says_why_and_the_others_are_stored(intake: Place) -> None:
    lines = [
        intake.body(),
        b'{"category": ',
        intake.body(category="99999"),
        intake.body(location={"lon": 1.0, "lat": 2.0}),
        intake.body(location={"grid": grid(2, 2)}),
        intake.body(location={"grid": "110108.nowhere"}),
        intake.body(attributes={"a": "b\x00"}),
        intake.body(media=[str(uuid4())]),
        intake.body(description=7),
        intake.body(),
    ]
    answers = read(await send(intake, lines))
    assert [a["status"] for a in answers] == [201, 400, 422, 422, 201, 422, 422, 422, 422, 201]
    kinds = [a["problem"]["type"].removeprefix("/problems/") for a in answers if "problem" in a]
    assert kinds == [
        "malformed", "unknown-category", "outside-every-grid", "unknown-grid", "bad-attributes", "unknown-media",
        "invalid",
    ]  # fmt: skip
    assert answers[8]["problem"]["errors"][0]["pointer"] == "/description"


async def test_lines_outside_the_keys_scope_are_refused(intake: Place) -> None:
    answers = read(await send(intake, [intake.body()], await intake.key(area="110108.013")))
    assert (answers[0]["status"], answers[0]["problem"]["type"]) == (403, "/problems/outside-scope")


async def test_blank_lines_are_passed_over_and_numbers_stay_true(intake: Place) -> None:
    answers = read(await send(intake, [intake.body(), b"", b"  ", intake.body()]))
    assert [a["line"] for a in answers] == [1, 4]


async def test_a_batch_of_several_parts(intake: Place) -> None:
    lines = [intake.body() for _ in range(2_300)]
    answers = read(await send(intake, lines))
    assert len({a["id"] for a in answers}) == 2_300


@pytest.mark.parametrize(("lines", "status", "slug"), [(2_501, 413, "batch-too-long"), (0, 422, "empty-batch")])
async def test_too_many_lines_and_none(intake: Place, lines: int, status: int, slug: str) -> None:
    before = await intake.count()
    answer = await send(intake, [intake.body() for _ in range(lines)])
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{slug}")
    assert await intake.count() == before


async def test_without_the_right_to_report_nothing_is_read(intake: Place) -> None:
    answer = await send(intake, [intake.body()], intake.staff("dispatcher"))
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/action-not-allowed")
    assert (await send(intake, [intake.body()], {})).status_code == 401


async def test_sent_again_with_its_key_it_gets_the_same_answers(intake: Place) -> None:
    lines, key = [intake.body() if n != 700 else b"{" for n in range(1_400)], uuid4().hex
    first = await send(intake, lines, key=key)
    before = await intake.count()
    again = await send(intake, lines, key=key)
    assert again.content == first.content
    assert await intake.count() == before


async def test_the_key_with_another_batch_is_refused(intake: Place) -> None:
    key = uuid4().hex
    lines = [intake.body(), intake.body()]
    assert (await send(intake, lines, key=key)).status_code == 200
    answer = await send(intake, lines[:1], key=key)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/idempotency-key-reused")


async def test_a_batch_that_was_cut_off_goes_on_where_it_stopped(
    intake: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, key = [intake.body() for _ in range(2_200)], uuid4().hex
    parts = iter([True, False])
    add_chunk = store.add_chunk

    async def failing(*args: Any) -> None:
        if not next(parts):
            raise asyncpg.ConnectionDoesNotExistError("connection was closed")
        await add_chunk(*args)

    monkeypatch.setattr(store, "add_chunk", failing)
    before = await intake.count()
    cut = read(await send(intake, lines, key=key))
    assert [a["status"] for a in cut] == [201] * 1_000 + [503] * 1_200
    monkeypatch.undo()
    whole = read(await send(intake, lines, key=key))
    assert [a["status"] for a in whole] == [201] * 2_200
    assert whole[:1_000] == cut[:1_000]
    assert (await intake.count())[0] - before[0] == 2_200


async def test_a_row_the_database_refuses_costs_its_part_nothing(
    intake: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def poisoned(*args: Any, **more: Any) -> store.Row:
        row = entry(*args, **more)
        return row._replace(lat=400.0) if "poison" in row.description else row

    monkeypatch.setattr("services.intake.commands.receive_batch.entry", poisoned)
    lines = [intake.body(description="poison" if n == 37 else "fine") for n in range(100)]
    answers = read(await send(intake, lines))
    assert [a["line"] for a in answers if a["status"] != 201] == [38]
    assert answers[37]["problem"]["type"] == "/problems/not-storable"


async def test_an_outage_before_the_first_part_is_a_503(intake: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: Any) -> None:
        raise ConnectionRefusedError("no server")

    monkeypatch.setattr(store, "add_chunk", away)
    answer = await send(intake, [intake.body()])
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")
