"""The same act sent again is answered as before, and done once."""

import asyncio

from shared.kernel.ids import uuid7
from tests.integration.dispatch.conftest import City


async def test_sent_again_it_is_answered_as_before(city: City) -> None:
    case = await city.case()
    key = str(uuid7())
    first = await city.try_act(case, "accept", "acceptor", key=key)
    again = await city.try_act(case, "accept", "acceptor", key=key)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.content == again.content
    assert first.headers["etag"] == again.headers["etag"] == '"2"'
    assert len(await city.outbox(case["id"])) == 2


async def test_the_key_is_looked_at_before_if_match(city: City) -> None:
    case = await city.case()
    key = str(uuid7())
    await city.try_act(case, "accept", "acceptor", key=key)
    headers = city.headers("acceptor") | {"Idempotency-Key": key}
    again = await city.http.post(f"/dispatch/v1/cases/{case['id']}/accept", headers=headers, json={})
    assert again.status_code == 200


async def test_a_key_is_good_for_one_request(city: City) -> None:
    case, other = await city.case(), await city.case()
    key = str(uuid7())
    await city.act(case, "accept", "acceptor", key=key)
    for again in (
        await city.try_act(case, "accept", "acceptor", {"opinion": "another body"}, key=key),
        await city.try_act(other, "accept", "acceptor", key=key),
    ):
        assert again.status_code == 422
        assert again.json()["type"] == "/problems/idempotency-key-reused"
    assert (await city.seen(other["id"]))["version"] == 1


async def test_keys_of_different_callers_are_different(city: City) -> None:
    case, other = await city.case(), await city.case()
    key = str(uuid7())
    await city.act(case, "accept", "acceptor", key=key)
    await city.act(other, "accept", "acceptor", key=key, subject="somebody else")


async def test_a_refused_act_leaves_the_key_free(city: City) -> None:
    case = await city.case()
    key = str(uuid7())
    assert (await city.try_act(case, "decline", "acceptor", {"opinion": 7}, key=key)).status_code == 422
    assert (await city.try_act(case, "decline", "acceptor", {"opinion": "why"}, key=key, revision=9)).status_code == 412
    assert (await city.try_act(case, "decline", "acceptor", {"opinion": "why"}, key=key)).status_code == 200


async def test_sent_many_times_at_once_it_is_done_once(city: City) -> None:
    case = await city.case()
    key = str(uuid7())
    answers = await asyncio.gather(*(city.try_act(case, "accept", "acceptor", key=key) for _ in range(6)))
    assert [answer.status_code for answer in answers] == [200] * 6
    assert len({answer.content for answer in answers}) == 1
    assert len(await city.outbox(case["id"])) == 2


async def test_one_key_for_two_cases_at_once_does_one_of_them(city: City) -> None:
    cases = [await city.case() for _ in range(4)]
    key = str(uuid7())
    answers = await asyncio.gather(*(city.try_act(case, "accept", "acceptor", key=key) for case in cases))
    assert sorted(answer.status_code for answer in answers)[0] == 200
    assert {answer.status_code for answer in answers[1:] + answers[:1]} <= {200, 409, 422}
    done = [case for case in cases if (await city.seen(case["id"]))["version"] == 2]
    assert len(done) == 1


async def test_a_bad_key_is_refused(city: City) -> None:
    case = await city.case()
    for key in ("with space", "x" * 201):
        answer = await city.try_act(case, "accept", "acceptor", key=key)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"].lower() == "header idempotency-key"
