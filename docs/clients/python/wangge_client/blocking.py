"""The client that blocks."""

import time
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any
from uuid import UUID

import httpx

from wangge_client import calls
from wangge_client.calls import Call, Frames, Retries, Tries
from wangge_client.model import BatchLine, Event, Report, ReportState, Reset, Taken

# A comment comes every 15 seconds: who hears nothing for three times as long has lost the city.
STREAM = httpx.Timeout(10, read=45)


class Client:
    """`base` is the city's address, `credential` an app's key (`wg_…`) or a token of staff. Close it, or use `with`."""

    def __init__(
        self,
        base: str,
        credential: str,
        *,
        timeout: float = 30.0,
        retries: Retries | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._retries = retries or Retries()
        self._http = httpx.Client(
            base_url=base,
            headers={"Authorization": f"Bearer {credential}"},
            timeout=timeout,
            transport=transport,
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def post_report(self, report: Report, *, key: str | None = None) -> Taken:
        """Durable when this returns. Raises Refused, NoAnswer."""
        return Taken.from_json(self._ask(calls.post("/intake/v1/reports", report.as_json(), key)))

    def post_reports(
        self, reports: Iterable[Report], *, key: str | None = None, size: int = 1000
    ) -> Iterator[BatchLine]:
        """Any number of them, `size` in one request; what became of each, in their order, part by part.

        A part that was cut off, or of which the city could not store the rest, is sent again under its own key, and
        counts once. Raises Refused, NoAnswer: what came before stands.
        """
        for before, call in calls.batches(reports, key, size):
            yield from calls.batch_lines(self._send(call), before)

    def upload(self, content: bytes, *, name: str = "file", key: str | None = None) -> UUID:
        """The id to name in a report's `media`, or as evidence of an act."""
        return UUID(self._ask(calls.upload(content, name, key))["id"])

    def report(self, report_id: UUID) -> ReportState:
        return ReportState.from_json(self._ask(calls.get(f"/intake/v1/reports/{report_id}")))

    def withdraw(self, report_id: UUID, reason: str, *, key: str | None = None) -> Mapping[str, Any]:
        """Take a report back that nobody has acted on."""
        return self._ask(calls.post(f"/intake/v1/reports/{report_id}/withdrawal", {"reason": reason}, key))

    def track(self, tracking_code: str) -> Mapping[str, Any]:
        """What the reporter may know: {status, steps: [{status, at}]}."""
        return self._ask(calls.get(f"/notify/v1/track/{tracking_code}"))

    def catalogue(self) -> Iterator[Mapping[str, Any]]:
        """What this caller may report."""
        return self._pages("/intake/v1/catalogue")

    def areas(self, *, level: str | None = None, parent: str | None = None) -> Iterator[Mapping[str, Any]]:
        return self._pages("/intake/v1/areas", level=level, parent=parent)

    def stream(self, area: str, *, types: str | None = None, after: str | None = None) -> Iterator[Event | Reset]:
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
                with self._http.stream(
                    "GET",
                    "/notify/v1/stream",
                    params=params,
                    headers=frames.begin(),
                    timeout=STREAM,
                ) as answer:
                    if answer.status_code >= 400:
                        answer.read()
                    if calls.listened(answer):
                        for text in answer.iter_lines():
                            attempt = 0
                            if (event := frames.line(text)) is not None:
                                yield event
            except httpx.TransportError:
                answer = None
            attempt += 1
            time.sleep(self._retries.wait(attempt, answer))

    def _pages(self, path: str, **params: str | int | None) -> Iterator[Mapping[str, Any]]:
        cursor: str | None = None
        while True:
            page = self._ask(calls.get(path, cursor=cursor, limit=200, **params))
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return

    def _ask(self, call: Call) -> dict[str, Any]:
        told: dict[str, Any] = self._send(call).json()
        return told

    def _send(self, call: Call) -> httpx.Response:
        tries = Tries(call, self._retries)
        while True:
            try:
                answer = self._http.request(
                    call.method, call.path, content=call.content, params=call.params, headers=call.headers
                )
                wait = tries.answered(answer)
            except httpx.TransportError as error:
                wait = tries.lost(error)
            if wait is None:
                return calls.checked(answer)
            time.sleep(wait)
