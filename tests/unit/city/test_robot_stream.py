"""Server-sent events as the robots read them, however the bytes are cut."""

from collections.abc import AsyncIterator

import httpx
import pytest

from services.city.robots.stream import messages

BYTES = (
    b": a heartbeat\n\n"
    b'id: 7\nevent: case.opened.v1\ndata: {"a":\ndata: 1}\n\n'
    b"id: 8\r\nevent: case.closed.v1\r\ndata:{}\r\n\r\n"
    b"event: cut_off\nid: 8\ndata: too slow\n\n"
    b"event: never finished\n"
)
READ = [
    ("case.opened.v1", "7", b'{"a":\n1}'),
    ("case.closed.v1", "8", b"{}"),
    ("cut_off", "8", b"too slow"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
async def test_reads_messages_however_they_are_cut(size: int) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(BYTES), size):
            yield BYTES[start : start + size]

    assert [message async for message in messages(httpx.Response(200, content=pieces()))] == READ
