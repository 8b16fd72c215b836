"""Duplicates: one cluster however many report at once, through whichever door."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import Any
from uuid import UUID

import orjson
import pytest

from services.intake.commands.find_duplicates import KINDS, beside, looked_at, sorted_out
from services.intake.commands.group_commit import GroupWriter
from services.intake.commands.receive_report import entry, receive_report
from services.intake.domain.duplicates import METRES
from services.intake.domain.report import Asked, AtPoint
from services.intake.store import clusters
from services.intake.store.reports import Row, add_group
from shared.auth import Principal
from shared.bus.event import Record
from shared.contracts.intake import ReportUnmerged
from shared.kernel.area import AreaPath
from shared.kernel.ids import uuid7
from shared.kernel.place import Datum
from shared.kernel.place import Place as At
from tests.integration.intake.conftest import SIDE, SOUTH, WEST, Place, grid
from tests.integration.intake.test_status import hear, record

COVER, SEWER, LAMP, NOISE, AD = "01001", "01002", "01037", "06028", "07001"
_SPOTS = count()


def spot() -> dict[str, float]:
    """A place far from every other test's: 40 m north of the last, in columns of its own."""
    n = next(_SPOTS)
    column, row = divmod(n, 16)
    return {"lon": round(WEST + 0.0002 + column * 0.0006, 7), "lat": round(SOUTH + 0.0003 + row * 0.00045, 7)}


def north(of: dict[str, float], metres: float) -> dict[str, float]:
    return {**of, "lat": of["lat"] + metres / METRES}


async def posted(
    place: Place, where: Mapping[str, Any], category: str = LAMP, key: str | None = None, **more: Any
) -> Any:
    answer = await place.post(place.body(category=category, location=where, **more), key=key)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def merges(place: Place, report: str) -> Any:
    return await place.wired.pool.fetchrow(
        "SELECT * FROM intake.merged_reports WHERE report_id = $1::text::uuid", report
    )


async def reports_in(place: Place, cluster: str) -> int:
    found: int = await place.wired.pool.fetchval(
        "SELECT reports FROM intake.clusters WHERE id = $1::text::uuid", cluster
    )
    return found


async def test_the_second_report_of_a_place_joins_the_first(merging_intake: Place) -> None:
    where = spot()
    first = await posted(merging_intake, where)
    second = await posted(merging_intake, north(where, 14.9))
    assert (first["merged_into"], second["merged_into"]) == (None, first["id"])
    seen = (await merging_intake.http.get(f"/intake/v1/reports/{second['id']}", headers=merging_intake.app)).json()
    assert (seen["merged_into"], seen["status"]) == (first["id"], "received")
    assert await reports_in(merging_intake, first["id"]) == 2


async def test_its_facts_say_so_and_follow_those_of_the_first(merging_intake: Place) -> None:
    where = spot()
    first, second = [(await posted(merging_intake, where))["id"] for _ in range(2)]
    (opened,), (received, merged) = [await merging_intake.facts(each) for each in (first, second)]
    assert [(f["type"], f["sequence"]) for f in (received, merged)] == [
        ("report.received.v1", 1),
        ("report.merged.v1", 2),
    ]
    assert opened["id"] < received["id"] < merged["id"]
    assert opened["key"] == received["key"] == merged["key"]
    assert orjson.loads(received["data"])["merged_into"] == first
    told = orjson.loads(merged["data"])
    assert (told["merged_into"], told["distance_m"], told["report_id"]) == (first, 0, second)
    assert "merged_into" not in orjson.loads(opened["data"]) or orjson.loads(opened["data"])["merged_into"] is None


async def test_across_a_border_of_grids_the_record_key_is_the_first_ones(merging_intake: Place) -> None:
    west = {"lon": WEST + SIDE * 3 - 0.00003, "lat": SOUTH + SIDE * 3 + 0.0009}
    east = {**west, "lon": WEST + SIDE * 3 + 0.00003}
    first, second = await posted(merging_intake, west), await posted(merging_intake, east)
    assert second["merged_into"] == first["id"]
    assert [second["routing_key"], first["routing_key"]] == [grid(3, 3), grid(2, 3)]
    facts = await merging_intake.facts(second["id"])
    assert [(f["key"], f["routing_key"]) for f in facts] == [(grid(2, 3), grid(3, 3))] * 2


async def test_beyond_the_radius_it_is_another_matter(merging_intake: Place) -> None:
    where = spot()
    await posted(merging_intake, where)
    assert (await posted(merging_intake, north(where, 15.5)))["merged_into"] is None


async def test_siblings_are_one_matter_and_others_are_not(merging_intake: Place) -> None:
    where = spot()
    cover = await posted(merging_intake, where, COVER)
    assert (await posted(merging_intake, where, SEWER))["merged_into"] == cover["id"]
    assert (await posted(merging_intake, where, NOISE))["merged_into"] is None


async def test_what_is_off_is_never_merged(merging_intake: Place) -> None:
    where = spot()
    answers = [await posted(merging_intake, where, AD) for _ in range(3)]
    assert [each["merged_into"] for each in answers] == [None] * 3


@pytest.mark.parametrize(("hours", "same"), [(168, True), (169, False)])
async def test_the_window_ends(merging_intake: Place, hours: int, same: bool) -> None:
    where = spot()
    first = await posted(merging_intake, where, occurred_at="2026-05-08T08:00:00Z")
    day = 8 - hours // 24
    hour = 8 - hours % 24
    second = await posted(merging_intake, where, occurred_at=f"2026-05-{day:02d}T{hour:02d}:00:00Z")
    assert second["merged_into"] == (first["id"] if same else None)


async def test_fifty_at_once_are_one_cluster_of_fifty(merging_intake: Place) -> None:
    where = spot()
    answers = await asyncio.gather(*(posted(merging_intake, where, key=f"fifty-{n}") for n in range(50)))
    firsts = [each for each in answers if each["merged_into"] is None]
    assert len(firsts) == 1
    assert {each["merged_into"] for each in answers if each not in firsts} == {firsts[0]["id"]}
    assert await reports_in(merging_intake, firsts[0]["id"]) == 50


async def test_sent_again_with_its_key_it_gets_the_same_answer(merging_intake: Place) -> None:
    where = spot()
    await posted(merging_intake, where)
    body = merging_intake.body(category=LAMP, location=where)
    once, again = [await merging_intake.post(body, key="merged-again") for _ in range(2)]
    assert once.content == again.content
    assert once.json()["merged_into"]
    # also when it comes again beside new ones, of which none may join a report that is not there
    answers = await asyncio.gather(
        merging_intake.post(body, key="merged-again"), *(posted(merging_intake, where) for _ in range(5))
    )
    assert answers[0].content == once.content


async def test_a_batch_merges_within_itself_and_with_what_was_there(merging_intake: Place) -> None:
    there, new = spot(), spot()
    first = await posted(merging_intake, there)
    bodies = [merging_intake.body(category=LAMP, location=where) for where in (new, there, new, there, new)]
    raw = b"\n".join(map(orjson.dumps, bodies))
    headers = {**merging_intake.app, "Content-Type": "application/x-ndjson"}
    answer = await merging_intake.http.post("/intake/v1/reports/batch", content=raw, headers=headers)
    lines = [orjson.loads(line) for line in answer.content.splitlines()]
    assert [line["status"] for line in lines] == [201] * 5
    assert [line.get("merged_into") for line in lines] == [
        None, first["id"], lines[0]["id"], first["id"], lines[0]["id"],
    ]  # fmt: skip
    assert [await reports_in(merging_intake, each["id"]) for each in (first, lines[0])] == [3, 3]
    facts = await merging_intake.facts(lines[4]["id"])
    assert [fact["sequence"] for fact in facts] == [1, 2]


async def test_a_place_that_is_not_known_well_is_merged_with_none(merging_intake: Place) -> None:
    """A report that names its grid lies in the middle of it, and so does any other of that grid."""
    spelled = {"grid": grid(3, 0)}
    answers = [await posted(merging_intake, where, NOISE) for where in (spelled, spelled)]
    centre = (
        (await merging_intake.stored(answers[0]["id"]))["lon"],
        (await merging_intake.stored(answers[0]["id"]))["lat"],
    )
    answers.append(await posted(merging_intake, dict(zip(("lon", "lat"), centre, strict=True)), NOISE))
    assert [each["merged_into"] for each in answers] == [None] * 3
    raw = b"\n".join(orjson.dumps(merging_intake.body(category=NOISE, location=spelled)) for _ in range(3))
    headers = {**merging_intake.app, "Content-Type": "application/x-ndjson"}
    answer = await merging_intake.http.post("/intake/v1/reports/batch", content=raw, headers=headers)
    lines = [orjson.loads(line) for line in answer.content.splitlines()]
    assert [(line["status"], line.get("merged_into")) for line in lines] == [(201, None)] * 3


async def test_two_components_are_two_matters_however_near(merging_intake: Place) -> None:
    where = spot()
    lamps = [f"110108{LAMP}{n:06}" for n in (901, 902)]
    for lamp, place in zip(lamps, (where, north(where, 4)), strict=True):
        sent = {"location": place}
        headers = merging_intake.staff("admin")
        answer = await merging_intake.http.put(f"/intake/v1/components/{lamp}", json=sent, headers=headers)
        assert answer.status_code == 201, answer.text
    first, second = [await posted(merging_intake, {"component": lamp}) for lamp in lamps]
    again = [await posted(merging_intake, {"component": lamp}) for lamp in lamps]
    beside = await posted(merging_intake, north(where, 3))
    assert [each["merged_into"] for each in (first, second)] == [None, None]
    assert [each["merged_into"] for each in again] == [first["id"], second["id"]]
    assert beside["merged_into"] == second["id"], "it names none: the nearer"


async def test_all_facts_of_a_merged_report_share_the_record_key(merging_intake: Place) -> None:
    """Those that it had when it came, and what is told of it later: so their readers hear of them in order."""
    west = {"lon": WEST + SIDE * 2 - 0.00003, "lat": SOUTH + SIDE * 3 + 0.0009}
    east = {**west, "lon": WEST + SIDE * 2 + 0.00003}
    first, second = await posted(merging_intake, west), await posted(merging_intake, east)
    assert second["merged_into"] == first["id"]
    case, at = uuid7(), "2026-05-08T08:00:00+00:00"
    system = {"centre": "system", "actor": "system", "post": "system", "at": at}
    await hear(
        merging_intake,
        record(case, 1, "reported", [first["id"]], **system | {"act": "open"}),
        record(
            case, 2, "reported", [first["id"], second["id"]],
            **system | {"act": "add_report", "new_reports": [second["id"]]},
        ),
    )  # fmt: skip
    seen = (await merging_intake.http.get(f"/intake/v1/reports/{second['id']}", headers=merging_intake.app)).json()
    assert (seen["case_id"], seen["first_asked"]["lapsed_at"]) == (str(case), None)
    path = f"/intake/v1/reports/{second['id']}"
    added = await merging_intake.http.post(f"{path}/additions", json={"text": "还在"}, headers=merging_intake.app)
    assert added.status_code == 201, added.text
    accepted = {"act": "accept", "centre": "supervision", "actor": "desk-1", "post": "acceptor", "at": at}
    await hear(merging_intake, record(case, 3, "reported", [first["id"], second["id"]], **accepted))
    back = await merging_intake.http.post(f"{path}/withdrawal", json={"reason": "修好了"}, headers=merging_intake.app)
    assert back.status_code == 201, back.text
    facts = await merging_intake.facts(second["id"])
    assert [(fact["type"], fact["sequence"]) for fact in facts] == [
        ("report.received.v1", 1), ("report.merged.v1", 2), ("report.supplemented.v1", 3),
        ("report.first_asked_lapsed.v1", 4), ("report.withdrawn.v1", 5),
    ]  # fmt: skip
    assert {(fact["key"], fact["routing_key"]) for fact in facts} == {(grid(1, 3), grid(2, 3))}
    assert orjson.loads(facts[4]["data"])["merged_into"] == first["id"]
    assert (await merging_intake.facts(first["id"]))[-1]["sequence"] == 2, "one that opened a cluster has had one fact"


def of_case(case: UUID, version: int, status: str, reports: list[str], **more: Any) -> Record:
    return record(case, version, status, reports, from_status=None, **more)


async def test_a_cluster_ends_with_its_case(merging_intake: Place) -> None:
    where = spot()
    first = await posted(merging_intake, where)
    await hear(merging_intake, of_case(uuid7(), 9, "closed", [first["id"]], act="close"))
    later = await posted(merging_intake, where)
    assert later["merged_into"] is None
    assert (await posted(merging_intake, where))["merged_into"] == later["id"]


async def test_a_case_merged_into_another_keeps_its_cluster(merging_intake: Place) -> None:
    where = spot()
    first = await posted(merging_intake, where)
    await hear(merging_intake, of_case(uuid7(), 5, "voided", [first["id"]], act="merge"))
    assert (await posted(merging_intake, where))["merged_into"] == first["id"]


async def test_a_merged_report_with_a_case_of_its_own_is_the_first_of_a_cluster(merging_intake: Place) -> None:
    where = spot()
    first, second = [(await posted(merging_intake, where))["id"] for _ in range(2)]
    case = uuid7()
    await hear(
        merging_intake,
        of_case(uuid7(), 9, "closed", [first], act="close"),
        of_case(case, 1, "reported", [second], act="open", apart_from=first),
    )
    seen = (await merging_intake.http.get(f"/intake/v1/reports/{second}", headers=merging_intake.app)).json()
    assert (seen["merged_into"], seen["case_id"]) == (None, str(case))
    assert (await posted(merging_intake, where))["merged_into"] == second


async def unmerged(place: Place, report: str, post: str = "acceptor", area: str = "110108") -> Any:
    headers = place.staff(post, area) | {"Idempotency-Key": f"unmerge-{report}"}
    return await place.http.post(f"/intake/v1/reports/{report}/unmerge", headers=headers)


async def test_a_desk_unmerges_a_report_once_however_often_it_asks(merging_intake: Place) -> None:
    where = spot()
    first, second = [(await posted(merging_intake, where, media=[]))["id"] for _ in range(2)]
    answers = await asyncio.gather(*(unmerged(merging_intake, second) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert (await unmerged(merging_intake, second)).json()["merged_into"] is None
    facts = await merging_intake.facts(second)
    assert [(f["type"], f["sequence"]) for f in facts][2:] == [("report.unmerged.v1", 3)]
    assert facts[2]["key"] == facts[1]["key"]
    told = ReportUnmerged.model_validate_json(facts[2]["data"])
    assert (str(told.report_id), str(told.unmerged_from)) == (second, first)
    assert told.tracking_hash == orjson.loads(facts[0]["data"])["tracking_hash"]
    assert await reports_in(merging_intake, first) == 1


async def test_who_may_unmerge_and_what(merging_intake: Place) -> None:
    where = spot()
    first, second = [(await posted(merging_intake, where))["id"] for _ in range(2)]
    assert (await unmerged(merging_intake, second, "dispatcher")).status_code == 403
    assert (await unmerged(merging_intake, second, area="110108.099")).status_code == 404
    assert (await unmerged(merging_intake, str(uuid7()))).status_code == 404
    refused = await unmerged(merging_intake, first)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/not-merged")


async def near(place: Place, where: dict[str, float], category: str = LAMP, **more: Any) -> Any:
    params = {"category": category, **where, **more}
    return await place.http.get("/intake/v1/duplicates", params=params, headers=place.app)


async def test_what_is_near_is_told_before_posting(merging_intake: Place) -> None:
    where = spot()
    assert (await near(merging_intake, where)).json() == {"items": []}
    first = await posted(merging_intake, where)
    (found,) = (await near(merging_intake, north(where, 10))).json()["items"]
    assert (found["report_id"], found["distance_m"], found["reports"]) == (first["id"], 10, 1)
    assert (found["status"], found["case_id"]) == ("received", None)
    assert (await near(merging_intake, north(where, 16))).json() == {"items": []}
    assert (await near(merging_intake, where, AD)).json() == {"items": []}


async def test_what_is_asked_wrongly_is_refused_by_name(merging_intake: Place) -> None:
    where = spot()
    assert (await near(merging_intake, where, "nothing")).json()["errors"][0]["pointer"] == "?category"
    assert (await near(merging_intake, {"lon": 181.0, "lat": 39.9})).status_code == 422
    assert (
        await merging_intake.http.get("/intake/v1/duplicates", params={"category": LAMP, **where})
    ).status_code == 401


async def test_two_processes_make_one_cluster(merging_intake: Place) -> None:
    where = spot()
    wired = merging_intake.wired
    other = GroupWriter(wired.pool, wired.outbox, likenesses=wired.desk.writer.likenesses, most=7, writers=2)
    stop = asyncio.Event()
    running = asyncio.create_task(other.job().run(stop))
    desk = replace(wired.desk, writer=other)
    known = Principal(kind="app", subject="other", area=AreaPath.root(), actions=frozenset({"reports:create"}))
    asked = Asked(LAMP, "路灯不亮", AtPoint(where["lon"], where["lat"], Datum.WGS84), None, "app", {}, None, [])
    ours = [posted(merging_intake, where) for _ in range(25)]
    theirs = [receive_report(desk, known, asked, None, None) for _ in range(25)]
    answers = [
        each if isinstance(each, dict) else orjson.loads(each)
        for each in await asyncio.gather(*(pair for both in zip(ours, theirs, strict=True) for pair in both))
    ]
    stop.set()
    await running
    (first,) = [each["id"] for each in answers if each["merged_into"] is None]
    assert await reports_in(merging_intake, first) == 50


def row_at(place: Place, where: dict[str, float], key: str | None = None) -> Row:
    """A report of a lamp as it comes to the writer."""
    known = Principal(kind="app", subject="rows", area=AreaPath.root(), actions=frozenset({"reports:create"}))
    here = At(where["lon"], where["lat"])
    asked = Asked(LAMP, "路灯不亮", AtPoint(*here, Datum.WGS84), None, "app", {}, None, [])
    grids, desk = place.wired.desk.grids.current, place.wired.desk
    path = grids.locate(here)
    assert path is not None
    return entry(desk, known, asked, here, path, place.wired.clock(), key, b"hash" if key else None)


async def add(connection: Any, place: Place, rows: list[Row]) -> set[UUID] | None:
    """Look, and store if that still holds."""
    likenesses = place.wired.desk.writer.likenesses
    looked = looked_at(rows, likenesses)
    near = await clusters.near(connection, beside(looked).spots, 10)
    settled = sorted_out(rows, looked, near, likenesses)
    return await add_group(connection, settled, KINDS, beside(looked, near), 10)


async def test_one_that_saw_nothing_waits_for_a_neighbour_and_looks_again(merging_intake: Place) -> None:
    """The neighbour has stored its report and not committed it: whoever looked before that must not open a second
    cluster.
    """
    where, pool = spot(), merging_intake.wired.pool
    first, second = row_at(merging_intake, where), row_at(merging_intake, where)
    async with pool.acquire() as one, pool.acquire() as other:
        pid = await other.fetchval("SELECT pg_backend_pid()")
        async with one.transaction():
            assert await add(one, merging_intake, [first]) == {first.id}
            waiting = asyncio.create_task(add(other, merging_intake, [second]))
            while await pool.fetchval("SELECT wait_event FROM pg_stat_activity WHERE pid = $1", pid) != "advisory":
                assert not waiting.done(), "it did not wait"
                await asyncio.sleep(0.01)
        assert await waiting is None
        assert await add(other, merging_intake, [second]) == {second.id}
    assert (await merges(merging_intake, str(second.id)))["cluster"] == first.id


async def test_nothing_joins_a_report_that_was_not_stored(merging_intake: Place) -> None:
    """The first of the group has a key that was used: what would have joined it is left out with it, keys and all."""
    where, pool = spot(), merging_intake.wired.pool
    used, follower, other = (
        row_at(merging_intake, where, "used"), row_at(merging_intake, where, "fresh"), row_at(merging_intake, spot()),
    )  # fmt: skip
    async with pool.acquire() as connection:
        assert await add(connection, merging_intake, [row_at(merging_intake, spot(), "used")])
        assert await add(connection, merging_intake, [used, follower, other]) == {other.id}
        assert await add(connection, merging_intake, [follower]) == {follower.id}
    assert await merges(merging_intake, str(follower.id)) is None


def test_the_spots_of_these_tests_lie_in_the_city() -> None:
    assert next(_SPOTS) < 16 * 12
