"""The client that awaits."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from types import TracebackType
from typing import Any
from uuid import UUID

import httpx

from wangge_client import calls
from wangge_client.calls import Call, Frames, Retries, Tries
from wangge_client.model import BatchLine, Event, Report, ReportState, Reset, Taken

# A comment comes every 15 seconds: who hears nothing for three times as long has lost the city.
STREAM = httpx.Timeout(10, read=45)


class AsyncClient:
    """`base` is the city's address, `credential` an app's key (`wg_…`) or a token of staff. Close it, or use
    `async with`.
    """

    def __init__(
        self,
        base: str,
        credential: str,
        *,
        timeout: float = 30.0,
        retries: Retries | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._retries = retries or Retries()
        self._http = httpx.AsyncClient(
            base_url=base,
            headers={"Authorization": f"Bearer {credential}"},
            timeout=timeout,
            transport=transport,
        )

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def post_report(self, report: Report, *, key: str | None = None) -> Taken:
        """Durable when this returns. Raises Refused, NoAnswer."""
        return Taken.from_json(await self._ask(calls.post("/intake/v1/reports", report.as_json(), key)))

    async def post_reports(
        self, reports: Iterable[Report], *, key: str | None = None, size: int = 1000
    ) -> AsyncIterator[BatchLine]:
        """Any number of them, `size` in one request; what became of each, in their order, part by part.

        A part that was cut off, or of which the city could not store the rest, is sent again under its own key, and
        counts once. Raises Refused, NoAnswer: what came before stands.
        """
        for before, call in calls.batches(reports, key, size):
            for line in calls.batch_lines(await self._send(call), before):
                yield line

    async def upload(self, content: bytes, *, name: str = "file", key: str | None = None) -> UUID:
        """The id to name in a report's `media`, or as evidence of an act."""
        return UUID((await self._ask(calls.upload(content, name, key)))["id"])

    async def report(self, report_id: UUID) -> ReportState:
        return ReportState.from_json(await self._ask(calls.get(f"/intake/v1/reports/{report_id}")))

    async def withdraw(self, report_id: UUID, reason: str, *, key: str | None = None) -> Mapping[str, Any]:
        """Take a report back that nobody has acted on."""
        return await self._ask(calls.post(f"/intake/v1/reports/{report_id}/withdrawal", {"reason": reason}, key))

    async def track(self, tracking_code: str) -> Mapping[str, Any]:
        """What the reporter may know: {status, steps: [{status, at}]}."""
        return await self._ask(calls.get(f"/notify/v1/track/{tracking_code}"))

    def catalogue(self) -> AsyncIterator[Mapping[str, Any]]:
        """What this caller may report."""
        return self._pages("/intake/v1/catalogue")

    def areas(self, *, level: str | None = None, parent: str | None = None) -> AsyncIterator[Mapping[str, Any]]:
        return self._pages("/intake/v1/areas", level=level, parent=parent)

    async def stream(
        self, area: str, *, types: str | None = None, after: str | None = None
    ) -> AsyncIterator[Event | Reset]:
        """Facts of an area as they are published, for ever; a connection that breaks is resumed where it broke off.

        `types` is a comma list, `case.*` for all of a kind; `after` the token of the last event that was dealt with,
        "0" for all that are kept. Raises Refused.
        """
        frames = Frames(after)
        attempt = 0
        while True:
            params = {"area": area} | ({"types": types} if types else {})
            answer: httpx.Response | None = None
            try:
                async with self._http.stream(
                    "GET",
                    "/notify/v1/stream",
                    params=params,
                    headers=frames.begin(),
                    timeout=STREAM,
                ) as answer:
                    if answer.status_code >= 400:
                        await answer.aread()
                    if calls.listened(answer):
                        async for text in answer.aiter_lines():
                            attempt = 0
                            if (event := frames.line(text)) is not None:
                                yield event
            except httpx.TransportError:
                answer = None
            attempt += 1
            await asyncio.sleep(self._retries.wait(attempt, answer))

    async def _pages(self, path: str, **params: str | int | None) -> AsyncIterator[Mapping[str, Any]]:
        cursor: str | None = None
        while True:
            page = await self._ask(calls.get(path, cursor=cursor, limit=200, **params))
            for item in page["items"]:
                yield item
            cursor = page["next"]
            if cursor is None:
                return

    async def _ask(self, call: Call) -> dict[str, Any]:
        told: dict[str, Any] = (await self._send(call)).json()
        return told

    async def _send(self, call: Call) -> httpx.Response:
        tries = Tries(call, self._retries)
        while True:
            try:
                answer = await self._http.request(
                    call.method, call.path, content=call.content, params=call.params, headers=call.headers
                )
                wait = tries.answered(answer)
            except httpx.TransportError as error:
                wait = tries.lost(error)
            if wait is None:
                return calls.checked(answer)
            await asyncio.sleep(wait)
