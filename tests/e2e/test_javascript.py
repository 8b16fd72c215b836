"""The JavaScript of docs/clients, copied as it stands and run by Node.js, over a network that breaks where it hurts."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from tests.e2e.conftest import City
from tests.e2e.test_story import a_grid, act, case_of

PAGE = Path(__file__).resolve().parents[2] / "docs" / "clients" / "README.md"
BLOCK = re.compile(r"^```js\n(.*?)^```", re.MULTILINE | re.DOTALL)
# Node.js 18 has no global `crypto` yet.
PLAY = """
import { webcrypto } from "node:crypto";
globalThis.crypto ??= webcrypto;
const { postReport, track, listen } = await import("./copied.mjs");
const { direct, broken, app, subscriber, report, area } = JSON.parse(process.argv[2]);
const say = (what) => console.log(JSON.stringify(what));

const first = await postReport(broken, app, report, "javascript-1");
const again = await postReport(direct, app, report, "javascript-1");
say({ first, again });
try {
  await postReport(broken, app, { ...report, category: "nope" });
} catch (refused) {
  say({ refused: refused.status, errors: refused.errors });
}
try {
  await track(direct, "NOSUCHCODE00");
} catch (unknown) {
  say({ unknown: unknown.status });
}
const seen = [];
for await (const { type, token, event } of listen(broken, subscriber, { area, types: "case.*", after: "0" })) {
  if (!event.data.reports.includes(first.id)) continue;
  seen.push([type, token]);
  if (type === "case.opened.v1") say({ opened: event.subject });
  if (type === "case.accepted.v1") break;
}
say({ seen, tracked: await track(broken, first.tracking_code) });
try {
  for await (const _ of listen(direct, "wg_nobody")) break;
} catch (refused) {
  say({ stranger: refused.status });
}
"""


class Breaking:
    """Lets requests through to the city, and breaks: the first answer to a post after it was given, and the first
    stream after its first event.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.posts = 0
        self.streams = 0
        self.open: set[asyncio.Task[None]] = set()

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self.open.add(task)
        task.add_done_callback(self.open.discard)

    async def ended(self) -> None:
        """No connection is left open, whoever of the two sides it waited for."""
        for task in (ends := list(self.open)):
            task.cancel()
        await asyncio.gather(*ends, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            await self._pass_on(reader, writer, inner, outer)
        finally:
            for each in (writer, outer):
                each.close()

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        inner: asyncio.StreamReader,
        outer: asyncio.StreamWriter,
    ) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
                outer.write(head + (await reader.readexactly(int(length[1])) if length else b""))
                answer = await inner.readuntil(b"\r\n\r\n")
                if b"text/event-stream" in answer.lower():
                    await self._stream(answer, inner, writer)
                    break
                size = re.search(rb"content-length: (\d+)", answer, re.IGNORECASE)
                body = await inner.readexactly(int(size[1])) if size else b""
                self.posts += head.startswith(b"POST")
                if head.startswith(b"POST") and self.posts == 1:
                    break
                writer.write(answer + body)
                await writer.drain()

    async def _stream(self, answer: bytes, inner: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.streams += 1
        writer.write(answer)
        while part := await inner.read(65536):
            writer.write(part)
            await writer.drain()
            if self.streams == 1 and b"event: " in part:
                return


@asynccontextmanager
async def breaking(city: City) -> AsyncIterator[tuple[str, Breaking]]:
    between = Breaking(int(city.base.rpartition(":")[2]))
    server = await asyncio.start_server(between.connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", between
    finally:
        server.close()
        await between.ended()


async def test_a_report_is_posted_once_and_heard_of_whatever_breaks(city: City, tmp_path: Path) -> None:
    (tmp_path / "copied.mjs").write_text(BLOCK.findall(PAGE.read_text(encoding="utf-8"))[0], encoding="utf-8")
    (tmp_path / "play.mjs").write_text(PLAY, encoding="utf-8")
    grid = await a_grid(city)
    async with breaking(city) as (broken, between):
        known = {
            "direct": city.base, "broken": broken, "app": city.credentials["app"], "area": grid["path"],
            "subscriber": city.credentials["tokens"]["subscriber"],
            "report": {"category": "01001", "description": "井盖缺失", "location": {"grid": grid["path"]}},
        }  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            "node", "play.mjs", json.dumps(known), cwd=tmp_path, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        said: dict[str, Any] = {}
        async with asyncio.timeout(60):
            async for line in process.stdout:
                said |= json.loads(line)
                if "opened" in said and "tracked" not in said:
                    await act(city, city.staff("acceptor"), await case_of(city, said["first"]), "accept")
            assert await process.wait() == 0
    assert said["first"] == said["again"]
    assert between.posts >= 2, "the first answer did not come through"
    assert (said["refused"], said["errors"][0]["pointer"]) == (422, "/category")
    assert (said["unknown"], said["stranger"]) == (404, 401)
    assert [kind for kind, _ in said["seen"]] == ["case.opened.v1", "case.accepted.v1"]
    assert between.streams >= 2, "a broken stream is opened again behind its last event"
    assert said["tracked"]["steps"][0]["status"] == "received"
