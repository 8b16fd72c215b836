"""Words in cases: found by an index that follows, compared with the text itself, each case read once."""

import asyncio
import random
from contextlib import suppress
from typing import Any

import pytest

from services.dispatch.commands import carry_on
from services.dispatch.commands.carry_on import read_words
from services.dispatch.domain.search import grams
from shared.kernel.ids import uuid7
from tests.integration.dispatch.conftest import City, carried_on, street
from tests.integration.dispatch.test_doors import app_of


async def found(city: City, where: str, q: str, post: str = "acceptor", sort: str = "newest", **more: Any) -> list[str]:
    asked = {"area": where, "q": q, "sort": sort}
    answer = await city.http.get("/dispatch/v1/cases", params=asked, headers=city.headers(post, **more))
    assert answer.status_code == 200, answer.text
    return [case["id"] for case in answer.json()["items"]]


async def test_a_part_of_the_text_the_number_or_an_address_finds_a_case(city: City) -> None:
    area = street()
    cover = await city.case(routing_key=f"{area}.1", description="雨水井盖破损，靠近ＡＴＭ机")
    lamp = await city.case(routing_key=f"{area}.1", description="路灯不亮", attributes={"address": "清华园路 12号"})
    await carried_on(city)
    for q, expected in (
        ("井盖", [cover]),
        ("水井盖破", [cover]),
        ("盖井", []),
        ("atm", [cover]),
        ("AtＭ", [cover]),
        ("井盖 破损", [cover]),
        ("井盖 路灯", []),
        ("清华园路", [lamp]),
        ("12号", [lamp]),
        (cover["number"][-6:], [cover]),
        (lamp["number"].lower(), [lamp]),
    ):
        assert await found(city, area, q) == [case["id"] for case in expected], q
    for sort in ("newest", "oldest", "due"):
        assert await found(city, area, "路灯", sort=sort) == [lamp["id"]]


async def test_a_candidate_with_the_same_keys_is_compared_with_the_text(city: City) -> None:
    area = street()
    # Both pairs of the word, but not beside one another.
    await city.case(routing_key=f"{area}.1", description="甲乙 乙丙")
    # Another pair with the same key: its first character is of a rarer plane.
    twin = chr(0x1_0000 + ord("井")) + "盖"
    assert grams(twin) == grams("井盖")
    await city.case(routing_key=f"{area}.1", description=twin)
    percent = await city.case(routing_key=f"{area}.1", description="a%b_c")
    await carried_on(city)
    assert await found(city, area, "甲乙丙") == []
    assert await found(city, area, "井盖") == []
    assert await found(city, area, "a%b") == [percent["id"]]
    assert await found(city, area, "axb") == []


async def test_words_follow_a_case_that_is_told_anew_and_go_with_one_that_goes(city: City) -> None:
    area = street()
    case = await city.case(routing_key=f"{area}.1", description="路灯不亮")
    await carried_on(city)
    await city.wired.pool.execute("UPDATE dispatch.cases SET description = '树木倒伏' WHERE id = $1", case["id"])
    await carried_on(city)
    assert await found(city, area, "路灯") == []
    assert await found(city, area, "倒伏") == [case["id"]]
    await city.wired.pool.execute("DELETE FROM dispatch.cases WHERE id = $1", case["id"])
    assert not await city.wired.pool.fetchval("SELECT count(*) FROM dispatch.case_words WHERE case_id = $1", case["id"])


async def test_a_search_never_shows_what_the_caller_may_not_see(city: City) -> None:
    area = street()
    mine = await city.case(routing_key=f"{area}.01.1", description="夜间施工噪声")
    other = await city.case(routing_key=f"{area}.012.1", description="夜间施工噪声", category="01001")
    await carried_on(city)
    assert await found(city, area, "施工噪声", area=f"{area}.01") == [mine["id"]]
    assert await found(city, area, "施工噪声", "unit_clerk", unit="gas") == []
    headers = await app_of(city, area, ["01001"])
    answer = await city.http.get(f"/dispatch/v1/cases?q=施工噪声&area={area}", headers=headers)
    assert [case["id"] for case in answer.json()["items"]] == [other["id"]]


@pytest.mark.parametrize("seed", range(3))
async def test_each_case_is_read_once_however_often_readers_are_killed(
    own_city: City, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carry_on, "CASES", 40)  # its two notes then come to two readers
    chance = random.Random(seed)
    area, pool = street(), own_city.wired.pool
    word = uuid7().hex
    made: list[str] = []
    for _ in range(5):
        records = [own_city.record(routing_key=f"{area}.1", description=f"井盖 {word}") for _ in range(40)]
        await own_city.deliver(*records)
        made += [record.subject for record in records]
        # Noted twice: told anew before it was read.
        await pool.execute("UPDATE dispatch.cases SET description = '再 ' || description WHERE area = $1", f"{area}.1")
        readers = [asyncio.create_task(read_words(own_city.wired)) for _ in range(3)]
        await asyncio.sleep(chance.random() * 0.02)
        for reader in readers[: chance.randrange(4)]:
            reader.cancel()
        for reader in readers:
            with suppress(asyncio.CancelledError):
                await reader
    await carried_on(own_city)
    rows = await pool.fetch(
        "SELECT c.report_id::text, count(*) AS n FROM dispatch.case_words w JOIN dispatch.cases c ON c.id = w.case_id"
        " WHERE w.words LIKE '%' || $1 GROUP BY 1",
        word,
    )
    assert {row["report_id"]: row["n"] for row in rows} == dict.fromkeys(made, 1)


async def test_cases_that_were_there_before_are_read_too(own_city: City) -> None:
    """What the migration leaves behind for a city that has cases already."""
    area = street()
    case = await own_city.case(routing_key=f"{area}.1", description="河道漂浮物")
    pool = own_city.wired.pool
    await pool.execute("TRUNCATE dispatch.case_words, dispatch.case_unread")
    await pool.execute("INSERT INTO dispatch.case_unread SELECT id FROM dispatch.cases")
    await carried_on(own_city)
    assert await found(own_city, area, "漂浮物") == [case["id"]]
