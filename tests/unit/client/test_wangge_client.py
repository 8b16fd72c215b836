"""The Python client: what is sent again, what is not, and how a stream is read."""

import json
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import httpx
import pytest

from wangge_client import AsyncClient, Client, Event, NoAnswer, Place, Refused, Report, Reset
from wangge_client.calls import Frames, Retries, batches

AT_ONCE = Retries(tries=4, first=0.0, most=0.0)
TAKEN = {
    "id": str(UUID(int=5)), "tracking_code": "XP28", "routing_key": "110108.1", "status": "received",
    "merged_into": None, "a_new_member": 1,
}  # fmt: skip
REPORT = Report("01001", "井盖缺失", Place(lon=116.3, lat=39.9, datum="gcj02"))

Answer = Callable[[httpx.Request], httpx.Response]


class City:
    """Answers in turn, and what it was asked."""

    def __init__(self, *answers: Answer | Exception | httpx.Response) -> None:
        self.asked: list[httpx.Request] = []
        self._answers = list(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)


def client(city: City) -> Client:
    return Client("http://city", "wg_key", retries=AT_ONCE, transport=httpx.MockTransport(city))


def problem(status: int, slug: str, **more: object) -> httpx.Response:
    return httpx.Response(status, json={"type": f"/problems/{slug}", "title": slug, "detail": "why", **more})


def test_a_report_is_sent_again_under_its_key_until_it_is_taken() -> None:
    city = City(
        httpx.ConnectError("down"),
        problem(503, "intake-full"),
        problem(409, "in-flight"),
        httpx.Response(201, json=TAKEN),
    )
    taken = client(city).post_report(REPORT)
    assert (taken.id, taken.tracking_code) == (UUID(int=5), "XP28")
    keys = {request.headers["Idempotency-Key"] for request in city.asked}
    assert len(city.asked) == 4
    assert len(keys) == 1
    assert {request.content for request in city.asked} == {city.asked[0].content}
    assert city.asked[0].headers["Authorization"] == "Bearer wg_key"
    sent = json.loads(city.asked[0].content)
    assert sent == {
        "category": "01001", "description": "井盖缺失", "location": {"lon": 116.3, "lat": 39.9, "datum": "gcj02"}
    }  # fmt: skip


def test_a_refusal_is_not_sent_again_and_says_which_field() -> None:
    errors = [{"pointer": "/category", "message": "not in the catalogue"}]
    city = City(problem(422, "unknown-category", errors=errors))
    with pytest.raises(Refused, match=r"422 unknown-category: why\n  /category: not in the catalogue") as caught:
        client(city).post_report(REPORT)
    assert (caught.value.slug, caught.value.fields[0].pointer, len(city.asked)) == ("unknown-category", "/category", 1)


def test_a_stale_act_is_a_refusal_and_no_reason_to_send_again() -> None:
    city = City(problem(409, "act-not-possible-now"))
    with pytest.raises(Refused):
        client(city).post_report(REPORT)
    assert len(city.asked) == 1


def test_who_is_not_answered_learns_the_key_to_send_it_again_with() -> None:
    city = City(*[httpx.ReadTimeout("slow") for _ in range(4)])
    with pytest.raises(NoAnswer) as caught:
        client(city).post_report(REPORT, key="mine-1")
    assert (caught.value.key, len(city.asked)) == ("mine-1", 4)


def test_after_the_last_try_what_the_city_said_is_told() -> None:
    city = City(*[problem(429, "too-many") for _ in range(4)])
    with pytest.raises(Refused) as caught:
        client(city).post_report(REPORT)
    assert (caught.value.status, len(city.asked)) == (429, 4)


def test_an_answer_that_is_no_problem_json_is_told_as_it_is() -> None:
    with pytest.raises(Refused, match="413 : too large"):
        client(City(httpx.Response(413, text="too large"))).post_report(REPORT)


def test_retry_after_is_waited_for_but_not_for_ever() -> None:
    answer = httpx.Response(429, headers={"Retry-After": "7"})
    assert Retries(most=20).wait(1, answer) == 7
    assert Retries(most=3).wait(1, answer) == 3
    assert Retries(most=3).wait(1, httpx.Response(429, headers={"Retry-After": "Wed, 21 Oct"})) <= 0.25
    assert all(0.5 <= Retries(first=1, most=4).wait(n, None) <= 4 for n in range(1, 40))


def answers(*lines: dict[str, object]) -> httpx.Response:
    content = "".join(json.dumps(line) + "\n" for line in lines)
    return httpx.Response(200, content=content, headers={"Content-Type": "application/x-ndjson"})


STORED = {"line": 1, "status": 201, "id": str(UUID(int=7)), "tracking_code": "A"}


@pytest.mark.parametrize(
    "last",
    [
        {"line": 2, "status": 503, "problem": {"type": "/problems/unavailable"}},
        {"line": 2, "status": 409, "problem": {"type": "/problems/in-flight"}, "stopped": True},
    ],
)
def test_a_batch_that_was_stored_in_part_is_sent_again_under_its_key(last: dict[str, object]) -> None:
    city = City(answers(STORED, last), answers(STORED, {**STORED, "line": 2}))
    lines = list(client(city).post_reports([REPORT, REPORT]))
    assert [(line.line, line.status) for line in lines] == [(1, 201), (2, 201)]
    assert len({request.headers["Idempotency-Key"] for request in city.asked}) == 1


def test_a_batch_that_the_city_stops_is_refused_there_and_what_came_before_stands() -> None:
    told = {"type": "/problems/idempotency-key-reused", "detail": "why"}
    city = City(answers(STORED, {"line": 2, "status": 422, "problem": told, "stopped": True}))
    posting = client(city).post_reports([REPORT, REPORT])
    assert next(posting).ok
    with pytest.raises(Refused, match="idempotency-key-reused"):
        next(posting)
    assert len(city.asked) == 1


def test_an_outage_that_goes_on_is_told_line_by_line() -> None:
    city = City(*[answers(STORED, {"line": 2, "status": 503, "problem": {}})] * 4)
    assert [line.ok for line in client(city).post_reports([REPORT, REPORT])] == [True, False]


def test_a_batch_goes_in_parts_each_under_its_own_key_and_lines_are_counted_through() -> None:
    def lines(request: httpx.Request) -> httpx.Response:
        count = len(request.content.splitlines())
        told = [{"line": n, "status": 201, "id": str(UUID(int=n)), "tracking_code": "T"} for n in range(1, count)]
        told.append({"line": count, "status": 422, "problem": {"type": "/problems/bad-location"}})
        return httpx.Response(200, text="".join(json.dumps(each) + "\n" for each in told))

    city = City(lines, lines, lines)
    found = list(client(city).post_reports([REPORT] * 5, key="night", size=2))
    assert [line.line for line in found] == [1, 2, 3, 4, 5]
    assert [line.ok for line in found] == [True, False, True, False, False]
    assert [request.headers["Idempotency-Key"] for request in city.asked] == ["night-0", "night-2", "night-4"]
    with pytest.raises(ValueError, match="from 1 to 5000"):
        list(batches([REPORT], None, 5001))


def test_pages_are_walked_to_their_end() -> None:
    city = City(
        httpx.Response(200, json={"items": [{"code": "1"}], "next": "c2"}),
        httpx.Response(200, json={"items": [{"code": "2"}], "next": None}),
    )
    assert [each["code"] for each in client(city).catalogue()] == ["1", "2"]
    assert [request.url.params.get("cursor") for request in city.asked] == [None, "c2"]


def test_a_stream_is_resumed_behind_the_last_event() -> None:
    first = ': hello\n\nid: 7\nevent: case.filed.v1\ndata: {"subject":\ndata: "a"}\n\nid: 8\nevent: case.closed.v1\n'
    second = 'event: cut_off\ndata: {"reason": "shutting_down", "resume_from": "9"}\n\n'
    third = 'id: 12\nevent: reset\ndata: {}\n\nid: 13\nevent: case.taken.v1\ndata: {"subject": "b"}\n\n'
    city = City(*(httpx.Response(200, text=text) for text in (first, second, third)))
    stream = client(city).stream("110108", types="case.*")
    one, two, three = next(stream), next(stream), next(stream)
    assert one == Event("7", "case.filed.v1", {"subject": "a"})
    assert two == Reset("12")
    assert three == Event("13", "case.taken.v1", {"subject": "b"})
    assert [request.headers.get("Last-Event-ID") for request in city.asked] == [None, "7", "9"]
    assert city.asked[0].url.params["types"] == "case.*"


def test_a_stream_that_is_refused_says_so() -> None:
    with pytest.raises(Refused, match="401"):
        next(client(City(problem(401, "bad-token"))).stream("110108"))


def test_half_an_event_is_forgotten_when_the_connection_breaks() -> None:
    frames = Frames("3")
    assert frames.begin()["Last-Event-ID"] == "3"
    for text in ("id: 4", "event: case.filed.v1", "data: {"):
        assert frames.line(text) is None
    frames.begin()
    assert frames.line("") is None
    assert frames.token == "3"


def test_a_time_without_a_zone_is_not_sent() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Report("01001", "x", Place(grid="1"), occurred_at=datetime(2026, 11, 23, 8)).as_json()


async def test_the_awaiting_client_does_the_same() -> None:
    city = City(
        httpx.ConnectError("down"), httpx.Response(201, json=TAKEN), httpx.Response(200, json=TAKEN | {"id": "x"})
    )
    async with AsyncClient("http://city", "wg_key", retries=AT_ONCE, transport=httpx.MockTransport(city)) as awaiting:
        assert (await awaiting.post_report(REPORT)).id == UUID(int=5)
    assert len({request.headers["Idempotency-Key"] for request in city.asked}) == 1
