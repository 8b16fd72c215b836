"""The stream: what is heard by whom, and how it is resumed."""

import asyncio
from collections.abc import AsyncIterator

import httpx

from tests.integration.notify.conftest import Notify, Running
from tests.integration.notify.feed import Case, report_record


async def test_an_event_is_heard_as_a_structured_cloudevent(notify: Notify, case: Case, area: str) -> None:
    async with notify.hear(area) as heard:
        await notify.append(case.fact("filed", "filed"))
        message = await heard.next()
    assert message.event == "case.filed.v1"
    assert message.data["specversion"] == "1.0"
    assert message.data["routingkey"] == case.area
    assert message.data["data"]["case_id"] == str(case.id)
    assert int(message.id) > 0


async def test_an_area_hears_itself_and_below_and_not_a_neighbour_with_a_longer_name(notify: Notify, area: str) -> None:
    inside, itself, neighbour = Case(f"{area}.01.1"), Case(f"{area}.01"), Case(f"{area}.012")
    async with notify.hear(f"{area}.01") as heard:
        await notify.append(neighbour.fact("filed"), inside.fact("filed"), itself.fact("filed"))
        assert [m.subject for m in await heard.take(2)] == [str(inside.id), str(itself.id)]
        assert await heard.nothing()


async def test_a_case_that_moves_is_heard_where_it_was_and_where_it_goes_once_each(notify: Notify, area: str) -> None:
    case = Case(f"{area}.1.1")
    async with (
        notify.hear(f"{area}.1") as old,
        notify.hear(f"{area}.2") as new,
        notify.hear(area) as both,
        notify.hear(f"{area}.3") as other,
    ):
        moved = case.fact("corrected", to=f"{area}.2.1")
        await notify.append(moved)
        for heard in (old, new, both):
            assert (await heard.next()).data["routingkeyfrom"] == f"{area}.1.1"
        assert await other.nothing()
        assert await both.nothing()


async def test_types_are_whole_or_a_family(notify: Notify, area: str) -> None:
    case = Case(f"{area}.1")
    async with notify.hear(area, types="case.filed.v1,report.*") as heard:
        await notify.append(report_record(case.area, f"C-{area}-1", case.id), *case.whole())
        assert [m.event for m in await heard.take(2)] == ["report.received.v1", "case.filed.v1"]
        assert await heard.nothing()


async def test_without_an_area_a_caller_hears_its_own(notify: Notify, area: str) -> None:
    mine, other = Case(f"{area}.1.1"), Case(f"{area}.2.1")
    async with notify.hear(**{"post": "shift_leader"}, last=None) as everything:
        async with notify.client(area=f"{area}.1").stream("GET", "/v1/stream") as answer:
            lines = answer.aiter_lines()
            await anext(lines)
            await notify.append(other.fact("filed"), mine.fact("filed"))
            async with asyncio.timeout(5):
                data = [line async for line in _data(lines, 1)]
        assert str(mine.id) in data[0]
        assert {m.subject for m in await everything.take(2)} == {str(mine.id), str(other.id)}


async def _data(lines: AsyncIterator[str], count: int) -> AsyncIterator[str]:
    async for line in lines:
        if line.startswith("data:"):
            yield line
            count -= 1
            if not count:
                return


async def test_a_unit_clerk_hears_its_own_units_cases_only(notify: Notify, area: str) -> None:
    ours, theirs, nobodys = Case(f"{area}.1"), Case(f"{area}.1"), Case(f"{area}.1")
    async with notify.hear(area, post="unit_clerk", unit="water-1") as heard:
        await notify.append(
            theirs.fact("dispatched", unit="water-2"), nobodys.fact("filed"), ours.fact("dispatched", unit="water-1")
        )
        assert (await heard.next()).subject == str(ours.id)
        assert await heard.nothing()


async def test_resuming_brings_what_was_missed_and_what_comes_without_gap_or_duplicate(
    notify: Notify, area: str
) -> None:
    """Clients come and go at odd moments while facts are appended; together their parts are the whole."""
    cases = [Case(f"{area}.{n % 5}.1") for n in range(40)]
    records = [case.fact("filed") for case in cases for _ in range(5)]

    async def feed() -> None:
        for n in range(0, len(records), 4):
            await notify.append(*records[n : n + 4])
            await asyncio.sleep(0.002)

    async with notify.hear(area) as heard:
        await notify.append(Case(f"{area}.0.1").fact("filed"))
        last = (await heard.next()).id
    feeding = asyncio.create_task(feed())
    seen: list[str] = []
    part = 1
    while len(seen) < len(records):
        async with notify.hear(area, last=last) as heard:
            for message in await heard.take(min(part, len(records) - len(seen))):
                seen.append(message.data["id"])
                last = message.id
        part = part * 2 % 37 + 1
    await feeding
    assert seen == [record.id for record in records]


async def test_a_token_older_than_memory_is_read_from_the_log(another: Running, area: str) -> None:
    async with another(stream_keep_events=10) as notify:
        cases = [Case(f"{area}.{n % 3}") for n in range(300)]
        async with notify.hear(area) as heard:
            await notify.append(cases[0].fact("filed"))
            last = (await heard.next()).id
        others = [Case("elsewhere.1") for _ in range(300)]
        for n in range(1, 300):
            await notify.append(cases[n].fact("filed"), others[n].fact("filed"))
        async with notify.hear(area, last=last) as heard:
            got = [m.subject for m in await heard.take(299)]
            assert got == [str(case.id) for case in cases[1:]]
            late = Case(f"{area}.1")
            await notify.append(late.fact("filed"))
            assert (await heard.next()).subject == str(late.id)


async def test_zero_is_the_oldest_kept_and_an_older_token_is_a_reset(another: Running, own_database: str) -> None:
    async with another(own_database, stream_keep_events=5) as notify:
        records = [Case(f"a.{n}").fact("filed") for n in range(50)]
        await notify.append(*records)
        async with notify.hear("a", last="0") as heard:
            assert [m.data["id"] for m in await heard.take(50)] == [r.id for r in records]
        await notify.wired.pool.execute(
            "UPDATE notify.log SET appended_at = now() - interval '8 days' WHERE position <= 20"
        )
        from datetime import timedelta

        from services.notify.commands.sweep import sweep_log

        swept = [await sweep_log(notify.wired.pool, notify.wired.clock, timedelta(days=7), batch=15) for _ in range(3)]
        assert swept == [15, 5, 0]
        async with notify.hear("a", last="3") as heard:
            reset = await heard.next()
            assert (reset.event, reset.id) == ("reset", "20")
            assert reset.data == {"reason": "older_than_the_log", "continues_from": "20"}
            assert [m.data["id"] for m in await heard.take(30)] == [r.id for r in records[20:]]
        async with notify.hear("a", last="20") as heard:
            assert (await heard.next()).data["id"] == records[20].id
        async with notify.hear("a", last="0") as heard:
            assert (await heard.next()).data["id"] == records[20].id
        async with notify.hear("a", last="900") as heard:
            assert (await heard.next()).data["reason"] == "ahead_of_the_log"
            await notify.append(record := Case("a.1").fact("filed"))
            assert (await heard.next()).data["id"] == record.id


async def test_a_slow_client_is_cut_off_with_the_token_to_resume_from_and_nobody_else_waits(
    another: Running, area: str
) -> None:
    async with another(stream_queue_events=50) as notify, notify.hear(area) as healthy:
        reader, writer = await asyncio.open_connection(*notify.base.removeprefix("http://").split(":"), limit=2**16)
        writer.write(
            f"GET /v1/stream?area={area} HTTP/1.1\r\nHost: x\r\nAuthorization: {notify.token()}\r\n\r\n".encode()
        )
        await reader.readuntil(b"stream from")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        records: list[str] = []
        heard: list[str] = []
        while len(notify.wired.streams) and notify.wired.live and len(records) < 20_000:
            batch = [Case(f"{area}.1").fact("filed", opinion="x" * 5_000) for _ in range(25)]
            records += [record.id for record in batch]
            await notify.append(*batch)
            heard += [m.data["id"] for m in await healthy.take(25)]
            if any(stream.listener.cut for stream in notify.wired.streams.all()):
                break
        assert heard == records
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(10):
            got = await reader.read(-1)
        text = got.decode()
        assert "event: cut_off" in text
        assert '"reason":"too_slow"' in text
        events = text.split("\n\n")
        token = next(e for e in events if "event: cut_off" in e).split("id: ")[1].split("\n")[0]
        first = text.count("event: case.filed.v1")
        assert 0 < first < len(records)
        async with notify.hear(area, last=token) as resumed:
            assert [m.data["id"] for m in await resumed.take(len(records) - first)] == records[first:]
        writer.close()


async def test_a_heartbeat_comes_as_a_comment(another: Running, area: str) -> None:
    async with another(stream_heartbeat_seconds=0.1) as notify, notify.hear(area) as heard:
        assert await heard.nothing(2.5)
        assert len(heard.comments) >= 2
        assert all(comment.startswith(":") for comment in heard.comments)


async def test_a_client_that_hangs_up_is_forgotten(another: Running, area: str) -> None:
    async with another(stream_heartbeat_seconds=0.1) as notify:
        async with notify.hear(area):
            assert len(notify.wired.streams) == 1
        async with asyncio.timeout(5):
            while len(notify.wired.streams):
                await asyncio.sleep(0.05)
        assert len(notify.wired.live) == 0


async def test_a_process_that_stops_says_so_with_the_token(another: Running, case: Case, area: str) -> None:
    async with another() as notify, notify.hear(area) as heard:
        await notify.append(case.fact("filed"))
        first = await heard.next()
        await notify.append(Case("elsewhere").fact("filed"))
        await asyncio.sleep(0.1)
        notify.stop.set()
        last = (await heard.rest())[-1]
        assert last.event == "cut_off"
        assert last.data["reason"] == "shutting_down"
        assert int(last.data["resume_from"]) > int(first.id)
        async with notify.client() as client:
            answer = await client.get("/v1/stream")
        assert answer.status_code == 503
        assert answer.headers["retry-after"]


async def test_two_replicas_hear_the_same(notify: Notify, another: Running, area: str) -> None:
    async with another() as second, second.hear(area) as there, notify.hear(area) as here:
        records = [Case(f"{area}.{n}").fact("filed") for n in range(20)]
        for record in records:
            await notify.append(record)
        assert [m.data["id"] for m in await here.take(20)] == [r.id for r in records]
        assert [m.id for m in await there.take(20)] != []


async def test_who_may_not_listen_is_told_why(notify: Notify, area: str) -> None:
    async with httpx.AsyncClient(base_url=notify.base, trust_env=False) as nobody:
        assert (await nobody.get("/v1/stream")).status_code == 401
        assert (await nobody.get("/v1/stream", params={"ticket": "x"})).json()["type"] == "/problems/bad-stream-ticket"
    async with notify.client(area=f"{area}.1") as client:
        answer = await client.get("/v1/stream", params={"area": area})
        assert answer.status_code == 403
        assert answer.json()["type"] == "/problems/outside-scope"
        assert (await client.get("/v1/stream", params={"area": f"{area}.12"})).status_code == 403


async def test_bad_input_names_what_is_wrong(notify: Notify) -> None:
    async with notify.client() as client:
        for params, pointer in (
            ({"area": "a..b"}, "?area"),
            ({"area": "a\x00b"}, "?area"),
            ({"types": "filed"}, "?types"),
            ({"types": ",".join(["case.filed.v1"] * 51)}, "?types"),
            ({"last_event_id": "abc"}, "?last_event_id"),
            ({"last_event_id": "-1"}, "?last_event_id"),
            ({"last_event_id": "9" * 30}, "?last_event_id"),
        ):
            answer = await client.get("/v1/stream", params=params)
            assert answer.status_code == 422, params
            assert answer.json()["errors"][0]["pointer"] == pointer
        answer = await client.get("/v1/stream", headers={"Last-Event-ID": "x"})
        assert answer.json()["errors"][0]["pointer"] == "header Last-Event-ID"
