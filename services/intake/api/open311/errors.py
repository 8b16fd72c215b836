"""Every refusal under the protocol's address in the protocol's own form, whoever refused: a command, the framework, the
limits around the app. The house says it as problem+json; here it is put into the other words, at the very edge.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.intake.api.open311.rendering import TYPES, Format, rendered

PREFIX: Final = "/open311/"
# Who is asking is not known: 403 in the protocol. What else is wrong with a request is 400, unless the number says how
# to go on (another address, another method, a smaller body, later).
_KEPT: Final = frozenset({400, 403, 404, 405, 413, 429, 500, 503})
_ALSO: Final = {401: 403}
# What our own reports call a field → what the protocol does.
_NAMES: Final = {
    "/category": "service_code",
    "/location": "lat, long",
    "/location/lon": "long",
    "/location/lat": "lat",
    "/location/grid": "address_id",
    "/location/component": "address_id",
    "/location/address": "address_string",
    "/reporter": "first_name, last_name, email, phone",
    "/reporter/phone": "phone",
    "/reporter/email": "email",
    "/reporter/name": "first_name, last_name",
}


class ProtocolErrors:
    """Around the whole app; costs requests elsewhere one look at their path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].removeprefix(scope.get("root_path", "")).startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        begun: Message | None = None
        body = b""

        async def translated(message: Message) -> None:
            nonlocal begun, body
            if message["type"] == "http.response.start" and message["status"] >= 400 and not _is_own(message):
                begun = message
            elif begun is None:
                await send(message)
            elif message["type"] == "http.response.body":
                body += message.get("body", b"")
                if not message.get("more_body"):
                    await _send(send, begun, body, format_of(scope), head=scope["method"] == "HEAD")

        await self._app(scope, receive, translated)


def format_of(scope: Scope) -> Format:
    """By the end of the path; where it says neither, what the client says that it takes, else XML, which every reader
    of the protocol understands.
    """
    end = scope["path"].rpartition(".")[2]
    if end in ("xml", "json"):
        return "json" if end == "json" else "xml"
    accepted = next((value for name, value in scope["headers"] if name == b"accept"), b"")
    return "json" if b"json" in accepted and b"xml" not in accepted else "xml"


def _is_own(start: Message) -> bool:
    """Ours are problem+json, the framework's plain text; what is in the protocol's form already stays."""
    kinds = (value for name, value in start["headers"] if name.lower() == b"content-type")
    return next(kinds, b"").decode("latin-1") in TYPES.values()


async def _send(send: Send, begun: Message, body: bytes, form: Format, *, head: bool) -> None:
    status = begun["status"]
    status = status if status in _KEPT else _ALSO.get(status, 500 if status > 500 else 400)
    content = rendered("errors", _errors(status, body), form)
    dropped = (b"content-type", b"content-length", b"www-authenticate")
    headers = [pair for pair in begun["headers"] if pair[0].lower() not in dropped]
    headers += [(b"content-type", TYPES[form].encode()), (b"content-length", str(len(content)).encode())]
    await send({**begun, "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else content})


def _errors(status: int, body: bytes) -> list[dict[str, Any]]:
    try:
        problem = orjson.loads(body)
    except orjson.JSONDecodeError:
        problem = {"detail": body.decode("utf-8", "replace")[:500] or "the request was refused"}
    fields = problem.get("errors") or []
    if len(fields) < 2:
        return [{"code": status, "description": _described(problem, fields)}]
    return [{"code": status, "description": f"{_named(each)}: {each['message']}"} for each in fields]


def _described(problem: Mapping[str, Any], fields: list[Mapping[str, str]]) -> str:
    detail = str(problem.get("detail") or problem.get("title") or "the request was refused")
    named = _named(fields[0]) if fields else ""
    # Whoever reads this has sent the protocol's names, not ours.
    own = fields[0]["pointer"] if fields else ""
    if own.startswith("/") and own in detail:
        detail = detail.replace(f"{own}: ", "").replace(own, named)
    return detail if not named or named in detail else f"{named}: {detail}"


def _named(field: Mapping[str, str]) -> str:
    pointer = field["pointer"]
    if pointer.startswith("/attributes/"):
        return f"attribute[{pointer.split('/')[2]}]"
    return _NAMES.get(pointer, pointer.lstrip("/?"))
