"""Requests and answers, without a network: what the blocking and the awaiting client have in common."""

import json
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx

from wangge_client.errors import NoAnswer, Refused
from wangge_client.model import BatchLine, Event, Report, Reset

# Lines that one request of a batch may have.
BATCH_LINES = 5_000
_AGAIN = frozenset({429, 502, 503, 504})
_IN_FLIGHT = "in-flight"
_NDJSON = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a request is sent, and how long to wait in between: `first` seconds doubled each time, up to `most`,
    of which a random part is waited. What the city asks for by Retry-After is waited for, up to `most`.
    """

    tries: int = 5
    first: float = 0.25
    most: float = 20.0

    def wait(self, attempt: int, answer: httpx.Response | None) -> float:
        """Seconds before the next try, after `attempt` of them (from 1)."""
        drawn: float = random.uniform(0.5, 1.0) * min(self.most, self.first * 2 ** (attempt - 1))
        try:
            asked = float(answer.headers.get("Retry-After", 0)) if answer is not None else 0.0
        except ValueError:
            asked = 0.0
        return max(drawn, min(asked, self.most))


@dataclass(frozen=True, slots=True)
class Call:
    """A request that may be sent again as it is. `key` is its Idempotency-Key."""

    method: str
    path: str
    key: str | None = None
    content: bytes | None = None
    content_type: str | None = None
    params: Mapping[str, str] | None = None

    @property
    def headers(self) -> dict[str, str]:
        found = {}
        if self.key is not None:
            found["Idempotency-Key"] = self.key
        if self.content_type is not None:
            found["Content-Type"] = self.content_type
        return found


class Tries:
    """The tries of a call: what each came to, and how long to wait before the next. Waiting and sending are the
    caller's.
    """

    def __init__(self, call: Call, retries: Retries) -> None:
        self._call, self._retries, self._made = call, retries, 0

    def answered(self, answer: httpx.Response) -> float | None:
        """Seconds to wait before the next try; None: this is the answer, or there is no try left."""
        self._made += 1
        if self._made >= self._retries.tries or not wants_another_try(answer):
            return None
        return self._retries.wait(self._made, answer)

    def lost(self, error: httpx.TransportError) -> float:
        """The same when no answer came. Raises NoAnswer after the last try."""
        self._made += 1
        if self._made >= self._retries.tries:
            call = self._call
            raise NoAnswer(f"{call.method} {call.path}: {type(error).__name__}: {error}", call.key) from error
        return self._retries.wait(self._made, None)


def post(path: str, body: Mapping[str, Any], key: str | None) -> Call:
    """A JSON post; without a key of the caller's it gets one, so that it can be sent again."""
    return Call("POST", path, key or str(uuid4()), json.dumps(body).encode(), "application/json")


def get(path: str, **params: str | int | None) -> Call:
    return Call("GET", path, params={name: str(value) for name, value in params.items() if value is not None})


def upload(content: bytes, name: str, key: str | None) -> Call:
    """A file as multipart form data."""
    edge = uuid4().hex
    plain = "".join(c if c.isalnum() or c in "._-" else "_" for c in name) or "file"
    head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{plain}"\r\n\r\n'
    whole = head.encode() + content + f"\r\n--{edge}--\r\n".encode()
    return Call("POST", "/intake/v1/media", key or str(uuid4()), whole, f"multipart/form-data; boundary={edge}")


def wants_another_try(answer: httpx.Response) -> bool:
    """The city could not do it now, or is still doing what was sent before; or a batch got so far and no further, which
    its last line says.
    """
    if answer.status_code == 200 and answer.headers.get("Content-Type", "").startswith(_NDJSON):
        told = json.loads(answer.content.rstrip().rpartition(b"\n")[2] or b"{}")
        return _again(told.get("status", 0), told.get("problem") or {})
    return answer.status_code >= 400 and _again(answer.status_code, problem_of(answer))


def _again(status: int, problem: Mapping[str, Any]) -> bool:
    return status in _AGAIN or (status == 409 and _IN_FLIGHT in str(problem.get("type")))


def problem_of(answer: httpx.Response) -> Mapping[str, Any]:
    """What the answer, which was read, says is wrong."""
    try:
        told = answer.json()
    except ValueError:
        told = None
    return told if isinstance(told, dict) else {"title": answer.reason_phrase, "detail": answer.text[:300] or None}


def checked(answer: httpx.Response) -> httpx.Response:
    """Raises Refused."""
    if answer.status_code >= 400:
        raise Refused(answer.status_code, problem_of(answer))
    return answer


def listened(answer: httpx.Response) -> bool:
    """Whether the answer to a call for a stream, whose body was read if it is none, is one. Raises Refused for what
    another try would not help.
    """
    if answer.status_code >= 400 and not wants_another_try(answer):
        checked(answer)
    return answer.status_code < 400


def batches(reports: Iterable[Report], key: str | None, size: int) -> Iterator[tuple[int, Call]]:
    """Requests of up to `size` lines, each with the number of lines before it and a key of its own."""
    if not 1 <= size <= BATCH_LINES:
        raise ValueError(f"size must be from 1 to {BATCH_LINES}")
    key, lines, before = key or str(uuid4()), list[bytes](), 0
    for report in reports:
        lines.append(json.dumps(report.as_json()).encode())
        if len(lines) == size:
            yield before, _batch(lines, f"{key}-{before}")
            before, lines = before + len(lines), []
    if lines:
        yield before, _batch(lines, f"{key}-{before}")


def _batch(lines: list[bytes], key: str) -> Call:
    return Call("POST", "/intake/v1/reports/batch", key, b"\n".join(lines) + b"\n", _NDJSON)


def batch_lines(answer: httpx.Response, before: int) -> Iterator[BatchLine]:
    """What became of each line of a part that has `before` lines before it. Raises Refused for the line at which the
    city stopped: it took neither this one nor any after it.
    """
    return (_batch_line(text, before) for text in answer.text.splitlines() if text)


def _batch_line(text: str, before: int) -> BatchLine:
    told = json.loads(text)
    if told.get("stopped"):
        raise Refused(told["status"], told.get("problem") or {})
    report = told.get("id")
    return BatchLine(
        before + told["line"], told["status"], report and UUID(report), told.get("tracking_code"), told.get("problem")
    )


class Frames:
    """Lines of text/event-stream → events. `token` is the one to resume from."""

    def __init__(self, token: str | None) -> None:
        self.token = token
        self._fields: dict[str, str] = {}

    def line(self, text: str) -> Event | Reset | None:
        """What this line completes, if anything; comments, and the end of a stream, complete nothing."""
        if text:
            name, _, value = text.partition(":")
            if name:
                value = value.removeprefix(" ")
                before = self._fields.get(name)
                self._fields[name] = f"{before}\n{value}" if name == "data" and before is not None else value
            return None
        fields, self._fields = self._fields, {}
        kind = fields.get("event")
        self.token = fields.get("id") or self.token
        if kind is None or "data" not in fields:
            return None
        if kind == "cut_off":
            self.token = json.loads(fields["data"]).get("resume_from") or self.token
            return None
        if kind == "reset":
            return Reset(self.token or "0")
        return Event(self.token or "0", kind, json.loads(fields["data"]))

    def begin(self) -> dict[str, str]:
        """A connection begins: what of an event had come before it is forgotten. The headers to send."""
        self._fields = {}
        headers = {"Accept": "text/event-stream"}
        return headers if self.token is None else headers | {"Last-Event-ID": self.token}
