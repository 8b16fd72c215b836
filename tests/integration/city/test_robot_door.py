"""The robots' door against servers that misbehave: a request is sent again until it is answered, with the same key."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from services.city.credentials import Credentials
from services.city.robots.door import Door, NoAnswer
from services.city.robots.keys import Keys

OLD = Credentials("old", {"acceptor": "desk"}, {"water": "clerk"})
NEW = Credentials("new", {"acceptor": "desk"}, {"water": "clerk"})
Answering = Callable[[int, bytes], bytes | None]


def answer(status: str, body: bytes = b"{}", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{more}content-length: {len(body)}\r\n\r\n"
    return head.encode() + body


@asynccontextmanager
async def door(
    answering: Answering, patience: float = 10, keys: Keys | None = None
) -> AsyncIterator[tuple[Door, list[bytes]]]:
    """A door to a server that gives its n-th request `answering(n, request)`, or hangs up for None."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    (int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")), 0
                )
                requests.append(head + await reader.readexactly(length))
                given = answering(len(requests), requests[-1])
                if given is None:
                    break
                for start in range(0, len(given), 20):
                    writer.write(given[start : start + 20])
                    await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made = Door(f"http://127.0.0.1:{port}", keys or Keys(OLD), connections=4, patience=patience)
    try:
        yield made, requests
    finally:
        await made.aclose()
        server.close()


async def test_what_was_not_answered_is_sent_again_with_the_same_key() -> None:
    def hang_up_twice(n: int, _: bytes) -> bytes | None:
        return answer("201 Created", b'{"id": 7}') if n > 2 else None

    async with door(hang_up_twice) as (made, requests):
        answered = await made.post("/x", "acceptor", {"a": 1}, key="k1", revision=3)
    assert (answered.status, answered.body) == (201, {"id": 7})
    assert made.retries == 2
    assert len(requests) == 3
    assert len(set(requests)) == 1
    assert b"idempotency-key: k1\r\n" in requests[0]
    assert b'if-match: "3"\r\n' in requests[0]
    assert b"authorization: Bearer desk\r\n" in requests[0]


@pytest.mark.parametrize(
    ("status", "body", "more"),
    [
        ("503 Service Unavailable", b'{"type": "/problems/unavailable"}', "retry-after: 1\r\n"),
        ("429 Too Many Requests", b"slow down", "retry-after: 1\r\n"),
        ("409 Conflict", b'{"type": "/problems/in-flight", "errors": []}', ""),
    ],
)
async def test_not_now_is_waited_out(status: str, body: bytes, more: str) -> None:
    async with door(lambda n, _: answer(status, body, more) if n == 1 else answer("200 OK")) as (made, _):
        began = asyncio.get_running_loop().time()
        answered = await made.post("/x", "acceptor", {}, key="k")
        waited = asyncio.get_running_loop().time() - began
    assert answered.ok
    assert waited >= (1.0 if more else 0.05)


async def test_a_refusal_is_an_answer_and_says_why() -> None:
    problem = b'{"type": "/problems/invalid", "errors": [{"pointer": "/location", "message": "is missing"}]}'
    async with door(lambda *_: answer("422 Unprocessable", problem)) as (made, requests):
        answered = await made.post("/x", "app", {}, key="k")
    assert (answered.ok, answered.reason, len(requests)) == (False, "invalid /location", 1)


async def test_connections_are_kept_and_their_answers_never_mixed_up() -> None:
    async with door(lambda _, request: answer("200 OK", request.split(b" ")[1].replace(b"/", b""))) as (made, _):
        found = await asyncio.gather(*(made.get(f"/{n}", "app") for n in range(50)))
    assert [answered.body for answered in found] == list(range(50))


async def test_patience_ends() -> None:
    async with door(lambda *_: None, patience=0.5) as (made, _):
        with pytest.raises(NoAnswer, match="GET /x: connection lost"):
            await made.get("/x?cursor=1", "app")


async def test_new_credentials_are_read_when_the_old_ones_are_refused() -> None:
    def only_new(_: int, request: bytes) -> bytes:
        return answer("200 OK") if b"Bearer new\r\n" in request else answer("401 Unauthorized")

    async with door(only_new, keys=Keys(OLD, lambda: NEW)) as (made, requests):
        assert (await made.get("/x", "app")).ok
        assert (await made.get("/x", "app")).ok
        assert (await made.get("/x", "acceptor")).status == 401
    assert len(requests) == 4
