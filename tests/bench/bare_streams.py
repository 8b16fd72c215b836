"""The same bytes to as many sockets, with nothing around them: no HTTP, no log, nobody asked who they are.

`python -m tests.bench.bare_streams --port 8080`. A client sends the area it listens to, and a line's end. The line
`! <file>` asks that the events of the file be written, each to those who listen to one of its areas: a file of lines,
each a JSON list of areas and the event's text.
"""

import argparse
import asyncio
from pathlib import Path
from typing import cast

import orjson
import uvloop

PAGE = (
    1_000  # events in one turn of the loop, which sends a socket's together; notify reads as many from its log at once
)
HELLO = b": stream from 0\n"


class Socket(asyncio.Protocol):
    """One client, or the one who says what to write."""

    def __init__(self, listening: dict[str, list["Socket"]]) -> None:
        self._listening = listening

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        line = data.decode().strip()
        if line.startswith("GET "):  # the bench asks whether the process is ready
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        elif line.startswith("! "):
            self._write(Path(line[2:]))
        else:
            self._listening.setdefault(line, []).append(self)
            self.transport.write(HELLO)

    def connection_lost(self, exc: Exception | None) -> None:
        for those in self._listening.values():
            if self in those:
                those.remove(self)

    def _write(self, file: Path) -> None:
        events = [(areas, text.encode()) for areas, text in map(orjson.loads, file.read_bytes().splitlines())]
        self.transport.write(b"writing\n")  # what is timed begins with this
        asyncio.get_running_loop().create_task(self._pages(events))

    async def _pages(self, events: list[tuple[list[str], bytes]]) -> None:
        for n in range(0, len(events), PAGE):
            for areas, payload in events[n : n + PAGE]:
                for area in areas:
                    for client in self._listening.get(area, ()):
                        client.transport.write(payload)
            await asyncio.sleep(0)


async def serve(port: int) -> None:
    listening: dict[str, list[Socket]] = {}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Socket(listening), "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(serve(parser.parse_args().port))
