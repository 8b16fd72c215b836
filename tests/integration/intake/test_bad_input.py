"""What is sent to do harm, or by mistake, at every door: a 4xx that says what would be right, and nothing stored."""

import asyncio
import gzip
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import httpx
import orjson
import pytest

from shared.kernel.ids import uuid7
from tests.integration.intake.conftest import Place, collection, feature, grid, middle, square
from tests.integration.intake.doors import served


class Door(NamedTuple):
    """An address, who comes to it, and a good body for it."""

    method: str
    path: str
    media_type: str
    who: Callable[[Place], dict[str, str]]
    good: Callable[[Place], bytes]


def app(intake: Place) -> dict[str, str]:
    return intake.app


def admin(intake: Place) -> dict[str, str]:
    return intake.staff("admin")


def worker(intake: Place) -> dict[str, str]:
    return intake.staff("grid_worker")


def report(intake: Place) -> bytes:
    return orjson.dumps(intake.body())


def visit(_: Place) -> bytes:
    return orjson.dumps(
        {
            "id": str(uuid7()), "kind": "visit", "purpose": "general", "note": "井盖", "location": {"grid": grid(1, 1)},
            "started_at": "2026-11-20T08:00:00+08:00", "ended_at": "2026-11-20T09:00:00+08:00",
        }
    )  # fmt: skip


def area(_: Place) -> bytes:
    return collection([feature(grid(1, 1), "grid", square(1, 1), "井盖")])


def parts(_: Place) -> bytes:
    into = [{"path": f"{grid(1, 1)[:-3]}{n}", "name": "井盖", "geometry": square(1, 1)} for n in (801, 802)]
    return orjson.dumps({"into": into})


def component(_: Place) -> bytes:
    return orjson.dumps({"location": middle(1, 1), "state": "intact", "note": "井盖"})


def key(_: Place) -> bytes:
    return orjson.dumps({"name": "井盖", "actions": ["reports:create"]})


JSON, NDJSON = "application/json", "application/x-ndjson"
DOORS = {
    "report": Door("POST", "/v1/reports", JSON, app, report),
    "batch": Door("POST", "/v1/reports/batch", NDJSON, app, report),
    "activity": Door("POST", "/v1/activities", JSON, worker, visit),
    "activities": Door("POST", "/v1/activities/batch", NDJSON, worker, visit),
    "areas": Door("PUT", "/v1/areas", "application/geo+json", admin, area),
    "split": Door("POST", f"/v1/areas/{grid(1, 1)}/split", JSON, admin, parts),
    "component": Door("PUT", "/v1/components/11010801010000017", JSON, admin, component),
    "key": Door("POST", "/v1/keys", JSON, admin, key),
}
MARK = "井盖".encode()
BAD: dict[str, Callable[[bytes], bytes]] = {
    "packed": gzip.compress,
    "deep arrays": lambda _: b"[" * 200_000,
    "deep objects": lambda _: b'{"a":' * 100_000,
    "a deep member": lambda good: good[:-1] + b',"extra":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a number of 5,000 digits": lambda good: good[:-1] + b',"extra":1' + b"0" * 5_000 + b"}",
    "NaN": lambda good: good[:-1] + b',"extra":NaN}',
    "Infinity": lambda good: good[:-1] + b',"extra":-Infinity}',
    "U+0000": lambda good: good.replace(MARK, b"\\u0000"),
    "U+0000 in a name": lambda good: good[:-1] + b',"\\u0000":1}',
    "half a surrogate": lambda good: good.replace(MARK, b"\\ud800"),
    "half a surrogate in a name": lambda good: good[:-1] + b',"\\ud800":1}',
    "many unknown members": lambda good: good[:-1] + b"".join(b',"k%d":1' % n for n in range(60_000)) + b"}",
    "an array of 400,000": lambda _: b"[" + b"1," * 400_000 + b"1]",
    "GBK": lambda good: good.decode().encode("gbk"),
    "UTF-16": lambda good: good.decode().encode("utf-16"),
    "cut off": lambda good: good[:-2],
    "nothing": lambda _: b"",
    "null": lambda _: b"null",
    "XML": lambda _: b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>',
}
# A file of areas is no document of ours, and what else it has in it is left alone; UTF-16 is JSON to the framework.
TAKEN = {("areas", "U+0000 in a name"), ("areas", "many unknown members"), ("component", "UTF-16"), ("key", "UTF-16")}
CASES = [(at, bad) for at in DOORS for bad in BAD if (at, bad) not in TAKEN]


async def send(intake: Place, door: Door, content: bytes, **headers: str) -> httpx.Response:
    sent = {**door.who(intake), "Content-Type": door.media_type, **headers}
    return await intake.http.request(door.method, f"/intake{door.path}", content=content, headers=sent)


def problems(answer: httpx.Response) -> list[dict[str, Any]]:
    """What is wrong: of a batch, with each line."""
    if answer.status_code == 200 and answer.headers["content-type"] == NDJSON:
        return [line.get("problem", line) for line in map(orjson.loads, answer.content.splitlines())]
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
    return [{"status": answer.status_code, **answer.json()}]


@pytest.mark.parametrize(("at", "bad"), CASES)
async def test_what_cannot_be_read_is_refused_with_words(intake: Place, at: str, bad: str) -> None:
    door = DOORS[at]
    answer = await send(intake, door, BAD[bad](door.good(intake)))
    found = problems(answer)
    assert found
    assert len(answer.content) < 64_000
    for problem in found:
        assert 400 <= problem["status"] < 500, problem
        assert problem["detail"]
        assert problem["status"] != 422 or problem["errors"] or problem["type"] != "/problems/invalid"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "GZIP", "gzip, identity"])
@pytest.mark.parametrize("at", DOORS)
async def test_a_compressed_body_is_refused_unread(intake: Place, at: str, coding: str) -> None:
    door = DOORS[at]
    packed = zlib.compress(bytes(1 << 20)) if coding == "deflate" else gzip.compress(door.good(intake))
    answer = await send(intake, door, packed, **{"Content-Encoding": coding})
    assert (answer.status_code, answer.json()["type"]) == (415, "/problems/packed-body")
    assert answer.json()["errors"][0]["pointer"] == "header Content-Encoding"


async def test_a_body_that_says_that_it_is_as_it_is_is_taken(intake: Place) -> None:
    answer = await send(intake, DOORS["report"], report(intake), **{"Content-Encoding": "identity"})
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("at", "twice", "name"),
    [
        ("report", b'{"category":"01002",', "category"),
        ("report", b'{"description":"x","location":{"lon":1,"lat":2},', "description"),
        ("report", b'{"attributes":{"lane":1,"lane":2},', "lane"),
        ("report", b'{"attributes":{"a":{"b":1,"b":2}},', "b"),
        ("activity", b'{"kind":"visit",', "kind"),
        ("activity", b'{"id":"01a20847-0000-7000-8000-000000000000",', "id"),
    ],
)
async def test_a_member_that_is_there_twice_is_refused(intake: Place, at: str, twice: bytes, name: str) -> None:
    for door, good in ((DOORS[at], DOORS[at].good(intake)), (DOORS[{"report": "batch"}.get(at, "activities")], None)):
        raw = twice + (good or DOORS[at].good(intake))[1:]
        (problem,) = problems(await send(intake, door, raw))
        assert (problem["status"], problem["type"]) == (422, "/problems/invalid")
        assert problem["errors"][0]["pointer"] == f"…/{name}"


@pytest.mark.parametrize(
    "body",
    [
        {"description": 'he said: {"category": "x", "category": "y"}'},
        {"attributes": {"a": {"b": 1}, "c": [{"b": 2}, {"b": 3}]}},
        {"reporter": {"name": "王"}, "origin": {"name": "12345", "number": "7"}},
    ],
)
async def test_members_of_the_same_name_in_several_objects_are_no_repetition(intake: Place, body: Any) -> None:
    for raw in (orjson.dumps(intake.body(**body)), orjson.dumps(intake.body(**body)).replace(b'":', b'"  :  ')):
        answer = await send(intake, DOORS["report"], raw)
        assert answer.status_code == 201, answer.text


async def test_of_many_bad_fields_the_first_are_listed_and_the_others_counted(intake: Place) -> None:
    raw = BAD["many unknown members"](report(intake))
    problem = (await send(intake, DOORS["report"], raw)).json()
    assert len(problem["errors"]) == 100
    assert problem["detail"].endswith("and 59997 more")


@pytest.mark.parametrize("at", ["activity", "activities", "report", "batch"])
async def test_longitude_and_latitude_the_wrong_way_round_are_told_as_that(intake: Place, at: str) -> None:
    door, there = DOORS[at], middle(1, 1)
    turned = {"lon": there["lat"], "lat": there["lon"]}
    sent = {**orjson.loads(door.good(intake)), "location": turned}
    (problem,) = problems(await send(intake, door, orjson.dumps(sent)))
    assert (problem["status"], problem["hint"]) == (422, "swapped")
    assert problem["errors"][0]["pointer"] == "/location/lat"
    assert "seem to be swapped" in problem["errors"][0]["message"]


async def test_a_track_the_wrong_way_round_is_told_as_that(intake: Place) -> None:
    there = middle(1, 1)
    track = [[there["lat"], there["lon"], 0], [there["lat"], there["lon"], 60]]
    sent = {**orjson.loads(visit(intake)), "kind": "patrol", "track": track}
    for name in ("purpose", "location"):
        del sent[name]
    problem = (await send(intake, DOORS["activity"], orjson.dumps(sent))).json()
    assert (problem["status"], problem["hint"]) == (422, "swapped")
    assert problem["errors"][0]["pointer"] == "/track/0/1"


HEAD = b"Host: x\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"),
        (b"Content-Length: 2\r\nContent-Length: 20\r\n", b"{}"),
        (b"Content-Length: -1\r\n", b"{}"),
        (b"Content-Length: 99999999999999999999999\r\n", b"{}"),
        (b"Content-Length: 1,1\r\n", b"{}"),
        (b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
        (b"Transfer-Encoding: chunked\r\n", b"zz\r\n{}\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: chunked\r\n", b"ffffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
        (b"X-Bad\x00: 1\r\nContent-Length: 2\r\n", b"{}"),
        (b"X-Folded: a\r\n b\r\nContent-Length: 2\r\n", b"{}"),
        (b"X-Long: " + b"a" * 300_000 + b"\r\nContent-Length: 2\r\n", b"{}"),
    ],
)
async def test_a_request_that_may_be_read_in_two_ways_is_read_in_none(intake: Place, head: bytes, body: bytes) -> None:
    """One answer, a refusal; and no second request is found in what is left."""
    async with served(intake) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /intake/v1/reports HTTP/1.1\r\n" + HEAD + head + b"\r\n" + body)
        writer.write_eof()
        async with asyncio.timeout(30):
            told = await reader.read()
        writer.close()
    assert told.count(b"HTTP/1.1 ") <= 1
    assert not told or 400 <= int(told.split()[1]) < 500, told[:200]


@pytest.mark.parametrize(
    "address", ["/v1/reports/" + "a" * 60_000, "/v1/areas?parent=" + "1." * 30_000, "/v1/areas/%ff"]
)
async def test_a_long_or_odd_address_is_a_4xx(intake: Place, address: str) -> None:
    answer = await intake.http.get(f"/intake{address}", headers=intake.staff("admin"))
    assert 400 <= answer.status_code < 500


async def test_nothing_of_it_was_stored(intake: Place) -> None:
    before = await intake.count()
    for at, bad in CASES:
        await send(intake, DOORS[at], BAD[bad](DOORS[at].good(intake)))
    assert await intake.count() == before
    assert await intake.wired.pool.fetchval("SELECT count(*) FROM intake.areas WHERE name LIKE '井盖%'") == 0
