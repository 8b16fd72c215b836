"""Media that something names stays, what nothing names goes; and media may be named before it comes."""

import asyncio
import os
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest

from services.intake.commands.expire_personal import expire_personal
from services.intake.commands.follow_cases import follow_cases
from services.intake.commands.heard import heard
from services.intake.commands.name_media import name_media
from services.intake.commands.sweep_media import sweep_media, sweep_unknown
from services.intake.domain.media import Media, may_be_made
from services.intake.domain.report import UnknownMedia
from services.intake.store import media as store
from shared.bus.event import Record
from shared.contracts.topics import CASES
from shared.kernel.ids import uuid7
from shared.postgres import transaction
from tests.integration.intake.conftest import Place
from tests.integration.intake.test_activities import batch, post, visit
from tests.integration.intake.test_media import stored_files, upload
from tests.integration.intake.test_personal import erase, phone
from tests.integration.intake.test_visited import blocked
from tests.pictures import JPEG, PNG, picture

NOW = datetime.now(UTC)


async def put(intake: Place, media_id: UUID, content: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
    sent = {**(headers or intake.app), "Content-Type": "image/png"}
    return await intake.http.put(f"/intake/v1/media/{media_id}", content=content, headers=sent)


async def states(intake: Place, report: str) -> list[str]:
    answer = await intake.http.get(f"/intake/v1/reports/{report}/media", headers=intake.app)
    assert answer.status_code == 200
    return [item["state"] for item in answer.json()["items"]]


async def age(intake: Place, *ids: str, days: int = 8) -> None:
    older = "uploaded_at = uploaded_at - make_interval(days => $2)"
    await intake.wired.pool.execute(f"UPDATE intake.media SET {older} WHERE id = ANY($1::text[]::uuid[])", [*ids], days)


async def exists(intake: Place, media_id: str) -> bool:
    return (await intake.http.get(f"/intake/v1/media/{media_id}", headers=intake.app)).status_code == 200


async def test_a_report_may_name_what_comes_a_little_later(intake: Place) -> None:
    there, late = (await upload(intake, PNG)).json()["id"], uuid7()
    taken = await intake.post(intake.body(media=[there, str(late)]))
    assert taken.status_code == 201, taken.text
    report = taken.json()["id"]
    assert await states(intake, report) == ["stored", "expected"]
    answer = await put(intake, late, picture("PNG"))
    assert (answer.status_code, answer.json()["id"]) == (201, str(late))
    assert await states(intake, report) == ["stored", "stored"]
    # It was named before it came: no sweep takes it.
    await age(intake, there, str(late))
    await sweep_media(intake.wired.shelf, timedelta(days=7))
    assert await states(intake, report) == ["stored", "stored"]


async def test_what_did_not_come_in_time_is_missing(intake: Place) -> None:
    late = uuid7()
    report = (await intake.post(intake.body(media=[str(late)]))).json()["id"]
    await intake.wired.pool.execute("UPDATE intake.media_expected SET until = now() WHERE media_id = $1", late)
    await sweep_media(intake.wired.shelf, timedelta(days=7))
    assert await states(intake, report) == ["missing"]


@pytest.mark.parametrize(
    "made",
    [uuid4, lambda: uuid7(NOW - timedelta(days=31)), lambda: uuid7(NOW + timedelta(hours=1)), lambda: UUID(int=0)],
)
async def test_an_id_that_no_client_made_of_late_is_unknown(intake: Place, made: Any) -> None:
    media_id = made()
    assert not may_be_made(media_id, datetime.now(UTC))
    answer = await intake.post(intake.body(media=[str(media_id)]))
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/unknown-media")
    assert answer.json()["errors"][0]["pointer"] == "/media/0"
    answer = await put(intake, media_id, PNG)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/bad-media-id")


async def test_an_id_that_one_caller_awaits_is_no_others(intake: Place) -> None:
    late, other = uuid7(), await intake.key()
    assert (await intake.post(intake.body(media=[str(late)]))).status_code == 201
    assert (await intake.post(intake.body(media=[str(late)]), headers=other)).status_code == 422
    assert (await put(intake, late, PNG, other)).status_code == 409
    assert (await put(intake, late, PNG)).status_code == 201
    assert (await put(intake, late, PNG, other)).status_code == 409


async def test_an_own_id_sent_again_is_the_same_file_or_is_taken(intake: Place) -> None:
    own = uuid7()
    answers = await asyncio.gather(*(put(intake, own, PNG) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert len([name for name in stored_files(intake) if name.startswith(str(own))]) == 1
    other = await put(intake, own, JPEG)
    assert (other.status_code, other.json()["type"]) == (409, "/problems/media-id-taken")


async def test_what_nothing_names_is_swept_with_its_thumbnails(intake: Place) -> None:
    named, unnamed, fresh = [(await upload(intake, picture())).json()["id"] for _ in range(3)]
    shown = await intake.http.get(f"/intake/v1/media/{unnamed}/thumbnails/small", headers=intake.app)
    assert shown.status_code == 200
    assert (await intake.post(intake.body(media=[named]))).status_code == 201
    await age(intake, named, unnamed)
    await sweep_media(intake.wired.shelf, timedelta(days=7))
    assert [await exists(intake, each) for each in (named, unnamed, fresh)] == [True, False, True]
    assert not [name for name in stored_files(intake) if name.startswith(unnamed)]


async def test_what_an_act_brings_is_named(intake: Place) -> None:
    early, late = (await upload(intake, PNG)).json()["id"], uuid7()
    fact = {
        "case_id": str(uuid7()), "version": 1, "status": "checked", "act": "answer_check", "reports": [],
        "at": datetime.now(UTC).isoformat(), "evidence": [early, str(late)],
    }  # fmt: skip
    async with transaction(intake.wired.pool) as tx:
        await follow_cases(tx, heard([_record(fact)]))
    assert (await put(intake, late, PNG)).status_code == 201
    await age(intake, early, str(late))
    await sweep_media(intake.wired.shelf, timedelta(days=7))
    assert await exists(intake, early)
    assert await exists(intake, str(late))


def _record(fact: dict[str, Any]) -> Record:
    values: dict[str, Any] = dict.fromkeys(Record.__annotations__)
    return Record(**(values | {"topic": CASES.name, "data": orjson.dumps(fact)}))


async def test_a_file_is_named_or_swept_and_never_both(intake: Place) -> None:
    """A report that names a file at the moment of the sweep has it, or is told that it is gone."""
    who = await intake.wired.auth.principal(intake.app["Authorization"])
    for _ in range(10):
        ids = [UUID((await upload(intake, PNG)).json()["id"]) for _ in range(3)]
        await age(intake, *map(str, ids))
        named = asyncio.gather(
            *(name_media(intake.wired.pool, who.subject, [each], datetime.now(UTC)) for each in ids),
            return_exceptions=True,
        )
        _, outcomes = await asyncio.gather(sweep_media(intake.wired.shelf, timedelta(days=7)), named)
        there = await store.find_all(intake.wired.pool, ids)
        awaited = await store.awaited(intake.wired.pool, ids)
        for each, outcome in zip(ids, outcomes, strict=True):
            assert outcome is None or isinstance(outcome, UnknownMedia)
            assert (outcome is None) == (each in there or each in awaited)


async def test_who_names_a_file_that_a_sweep_is_deleting_waits_and_is_told(intake: Place) -> None:
    """Without the lock of NAME the file would be said to be there, and be gone."""
    media, pool = UUID((await upload(intake, PNG)).json()["id"]), intake.wired.pool
    await age(intake, str(media))
    async with transaction(pool) as sweep:
        taken = await store.take_unnamed(sweep, datetime.now(UTC) - timedelta(days=7), 10_000)
        assert any(str(media) in each for each in taken)
        naming = asyncio.create_task(store.name(pool, [media], datetime.now(UTC)))
        await blocked(intake)
        assert not naming.done()
    assert [each.id for each in await naming] == [media]


async def test_a_sweep_lets_a_file_be_that_is_being_named(intake: Place) -> None:
    media, pool = UUID((await upload(intake, PNG)).json()["id"]), intake.wired.pool
    await age(intake, str(media))
    async with transaction(pool) as tx:
        assert await store.name(tx, [media], datetime.now(UTC)) == []
        await sweep_media(intake.wired.shelf, timedelta(days=7))
    assert await exists(intake, str(media))


async def test_a_file_that_comes_at_the_moment_it_is_named_stays(intake: Place) -> None:
    """Neither transaction sees the other: it is there, and awaited. The sweep says what is true."""
    media, pool, now = uuid7(), intake.wired.pool, datetime.now(UTC)
    async with transaction(pool) as sending:
        await sending.execute("SELECT")
        coming = Media(media, "image/png", 1, b"", "somebody", now, str(media))
        async with transaction(pool) as naming:
            assert [each.id for each in await store.name(naming, [media], now)] == [media]
            await store.add(sending, coming)
            await store.expect(naming, [media], "somebody", now + timedelta(days=7))
    await age(intake, str(media))
    await sweep_media(intake.wired.shelf, timedelta(days=7))
    assert await store.find(pool, media) is not None
    assert await store.awaited(pool, [media]) == set()


# --- field work names it ---------------------------------------------------------------------------------------------


async def test_what_an_activity_names_stays_whether_it_is_there_or_comes_later(intake: Place) -> None:
    worker = intake.staff("grid_worker")
    there = [(await upload(intake, PNG, headers=worker)).json()["id"] for _ in range(4)]
    alone, together = uuid7(), uuid7()
    single = visit(media=[there[0], str(alone)])
    assert (await post(intake, single)).status_code == 201
    lines = [visit(media=[there[1], str(together)]), visit(media=[there[1], there[2]])]
    assert [line["status"] for line in await batch(intake, lines)] == [201, 201]
    for late in (alone, together):
        other = await put(intake, late, PNG)
        assert (other.status_code, other.json()["type"]) == (409, "/problems/media-id-taken")
        assert (await put(intake, late, PNG, worker)).status_code == 201
    await age(intake, *there, str(alone), str(together))
    await sweep_media(intake.wired.shelf, timedelta(days=7))
    left = await store.find_all(intake.wired.pool, [*map(UUID, there), alone, together])
    assert {*map(str, left)} == {*there[:3], str(alone), str(together)}


async def test_an_activity_that_names_what_was_never_sent_is_refused_and_its_neighbours_are_not(intake: Place) -> None:
    unknown, late = str(uuid4()), str(uuid7())
    refused = await post(intake, visit(media=[late, unknown]))
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/unknown-media")
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/media/1"]
    lines = [visit(media=[late]), visit(media=[unknown, late]), visit()]
    answers = await batch(intake, lines)
    assert [line["status"] for line in answers] == [201, 422, 201]
    assert [error["pointer"] for error in answers[1]["problem"]["errors"]] == ["/media/0"]
    assert await intake.facts(lines[1]["id"]) == []


async def test_a_part_of_a_batch_names_its_files_in_one_statement(
    intake: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    name = store.name

    async def counted(connection: Any, ids: Any, at: datetime) -> Any:
        asked.append(len(ids))
        return await name(connection, ids, at)

    monkeypatch.setattr(store, "name", counted)
    lines = [visit(media=[str(uuid7())]) for _ in range(150)]
    assert {line["status"] for line in await batch(intake, lines)} == {201}
    assert asked == [100, 50]


# --- what the device wrote -------------------------------------------------------------------------------------------


async def offered(intake: Place, *ids: str) -> list[bool]:
    found = await store.find_all(intake.wired.pool, [UUID(each) for each in ids])
    return [(media := found[UUID(each)]).spot is not None or media.taken_at is not None for each in ids]


async def test_what_a_device_wrote_of_place_and_time_goes_with_the_person(intake: Place) -> None:
    number, worker = phone(), intake.staff("grid_worker")
    first, added, other = [(await upload(intake, picture())).json()["id"] for _ in range(3)]
    seen = (await upload(intake, picture(), headers=worker)).json()["id"]
    report = (await intake.post(intake.body(media=[first], reporter={"phone": number}))).json()["id"]
    more = await intake.http.post(
        f"/intake/v1/reports/{report}/additions", json={"text": "又", "media": [added]}, headers=intake.app
    )
    assert more.status_code == 201, more.text
    assert (await intake.post(intake.body(media=[other], reporter={"phone": phone()}))).status_code == 201
    assert (await post(intake, visit(media=[seen], person={"phone": number}))).status_code == 201
    assert await offered(intake, first, added, seen, other) == [True] * 4
    assert (await erase(intake, phone=number)).json() == {"subjects": 1, "reports": 1, "activities": 1}
    assert await offered(intake, first, added, seen, other) == [False, False, False, True]
    assert await exists(intake, first)


async def test_pictures_that_show_the_person_go_where_it_is_said(intake: Place) -> None:
    number = phone()
    mine, other = [(await upload(intake, picture())).json()["id"] for _ in range(2)]
    report = (await intake.post(intake.body(media=[mine], reporter={"phone": number}))).json()["id"]
    assert (await intake.post(intake.body(media=[other]))).status_code == 201
    assert (await erase(intake, phone=number, media=True)).json()["reports"] == 1
    assert [await exists(intake, each) for each in (mine, other)] == [False, True]
    assert await states(intake, report) == ["missing"]
    folder = intake.wired.settings.data_dir / "media"
    two_days_ago = time.time() - 2 * 86_400
    for path in folder.rglob("*"):
        os.utime(path, (two_days_ago, two_days_ago))
    await sweep_unknown(intake.wired.shelf)
    assert [any(name.startswith(each) for name in stored_files(intake)) for each in (mine, other)] == [False, True]


async def test_what_a_device_wrote_goes_after_its_time(intake: Place) -> None:
    old, young = [(await upload(intake, picture())).json()["id"] for _ in range(2)]
    assert (await intake.post(intake.body(media=[old, young]))).status_code == 201
    await age(intake, old, days=31)
    await age(intake, young, days=29)
    await sweep_media(intake.wired.shelf, timedelta(days=7), timedelta(days=30))
    assert await offered(intake, old, young) == [False, True]
    assert await exists(intake, old)


async def test_it_expires_with_the_report(own_intake: Place) -> None:
    media = (await upload(own_intake, picture())).json()["id"]
    sent = own_intake.body(media=[media], reporter={"phone": phone()})
    assert (await own_intake.post(sent)).status_code == 201
    await own_intake.wired.pool.execute("UPDATE intake.personal SET received_at = now() - interval '30 months'")
    assert await expire_personal(own_intake.wired.pool, own_intake.wired.clock, 24) == 1
    assert await offered(own_intake, media) == [False]


async def test_files_that_no_row_knows_are_swept_and_others_stay(intake: Place) -> None:
    folder = intake.wired.settings.data_dir / "media"
    kept = (await upload(intake, picture())).json()["id"]
    await intake.http.get(f"/intake/v1/media/{kept}/thumbnails/small", headers=intake.app)
    lost = [
        f"{uuid7()}-0a1b2c3d",
        f"{kept}-ffffffff",
        f"uploads/{uuid7()}-0-0a1b2c3d",
        f"thumbnails/{uuid7()}-00.small.jpg",
    ]
    others = ["readme.txt", "uploads/notes"]
    for name in (*lost, *others):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
    young = folder / f"{uuid7()}-0a1b2c3d"
    two_days_ago = time.time() - 2 * 86_400
    for path in folder.rglob("*"):
        os.utime(path, (two_days_ago, two_days_ago))
    young.write_bytes(b"x")
    await sweep_unknown(intake.wired.shelf)
    assert not [name for name in lost if (folder / name).exists()]
    assert all((folder / name).exists() for name in others)
    assert young.exists()
    assert await exists(intake, kept)
    assert [path.name for path in (folder / "thumbnails").iterdir() if path.name.startswith(kept)]


async def test_one_caller_may_leave_only_so_many_unnamed(own_intake: Place) -> None:
    place = own_intake
    object.__setattr__(place.wired.shelf, "unnamed_most", 3)
    ids = [(await upload(place, PNG)).json()["id"] for _ in range(3)]
    answer = await upload(place, PNG)
    assert (answer.status_code, answer.json()["type"]) == (429, "/problems/too-many-unnamed")
    assert int(answer.headers["retry-after"]) > 0
    assert (await place.post(place.body(media=ids[:1]))).status_code == 201
    assert (await upload(place, PNG)).status_code == 201


async def test_a_link_shows_one_file_until_it_expires(intake: Place) -> None:
    media, other = [(await upload(intake, picture())).json()["id"] for _ in range(2)]
    links = (await intake.http.get(f"/intake/v1/media/{media}/links?seconds=60", headers=intake.app)).json()
    for link, kind in ((links["file"], "image/jpeg"), (links["small"], "image/jpeg"), (links["large"], "image/jpeg")):
        answer = await intake.http.get(link)
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    file = links["file"]
    wrong = [
        file.replace(media, other),
        file.replace("expires=", "expires=9"),
        file[:-1] + ("A" if file[-1] != "A" else "B"),
        links["small"].replace("/thumbnails/small", ""),
        file.replace("?", "/thumbnails/small?"),
        file.partition("&")[0] + "&signature=é",
    ]
    for link in wrong:
        answer = await intake.http.get(link)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/link-not-valid"), link
    query = intake.wired.links.query(UUID(media), "file", datetime.now(UTC) - timedelta(seconds=1))
    answer = await intake.http.get(f"/intake/v1/media/{media}?{query}")
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/link-not-valid")
    assert (
        await intake.http.get(f"/intake/v1/media/{media}/links?seconds=999999", headers=intake.app)
    ).status_code == 422
