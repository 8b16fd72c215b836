"""Who posts a report: an app by its key, staff by a token, or, where the city allows it, anybody at all."""

from typing import Final

from fastapi import Request

from services.intake.domain.report import Asked, AtPoint
from services.intake.domain.shield import cell_of
from services.intake.wiring import Wired
from shared.auth import Principal
from shared.http.address import client_address
from shared.idempotency import BadIdempotencyKey
from shared.kernel.area import AreaPath
from shared.kernel.errors import FieldError

# Not who: nothing of a sender without a key is kept, neither address nor network.
ANYBODY: Final = Principal("anonymous", "anonymous", AreaPath.root(), frozenset({"reports:create"}))
# Everybody without a key has one name, so a short Idempotency-Key of two of them would meet: a UUID has 36 characters.
SHORTEST_KEY: Final = 16


async def poster(wired: Wired, request: Request) -> Principal:
    """Raises what `Authenticator.principal` raises, AnonymousTooMany, and BadIdempotencyKey."""
    authorization = request.headers.get("authorization")
    if authorization is not None or not (wired.settings.anonymous_posts and wired.pack.anonymous):
        return await wired.auth.principal(authorization)
    wired.shield.admit_sender(client_address(request, wired.settings.trusted_proxies))
    key = request.headers.get("idempotency-key")
    if key is not None and len(key) < SHORTEST_KEY:
        words = f"without an app's key at least {SHORTEST_KEY} characters, such as a UUID"
        raise BadIdempotencyKey(words, errors=[FieldError("header Idempotency-Key", words)])
    return ANYBODY


def admit_spot(wired: Wired, who: Principal, asked: Asked) -> None:
    """Raises AnonymousTooMany for one more of a category in a place that has had many. Of those without a key only."""
    if who is ANYBODY:
        where = asked.location
        cell = cell_of(where.lon, where.lat) if isinstance(where, AtPoint) else str(where)[:300]
        wired.shield.admit_spot(asked.category, cell)
