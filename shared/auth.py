"""Who is asking, and whether they may: API keys of apps, tokens of staff, one `authorize` for both."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, Protocol

import jwt
from fastapi import Depends, Request

from shared.kernel.area import AreaPath, BadAreaPath
from shared.kernel.errors import Forbidden, TooMany, Unauthenticated

# Post → (centre, what it may do). The area and the unit come from the token; which act a post may do on a case is the
# lifecycle's own table (dispatch), this one only opens the door to it.
_READS = frozenset({"areas:read", "catalogue:read", "stream:read"})
_DESK = _READS | {"cases:read", "cases:act", "tasks:read", "reports:read", "media:read", "scores:read"}
_FIELD = _DESK | {"reports:create", "media:create"}
POSTS: Final[Mapping[str, tuple[str | None, frozenset[str]]]] = {
    "acceptor": ("supervision", _DESK | {"reports:create", "media:create"}),  # 受理员
    "shift_leader": ("supervision", _DESK),  # 值班长
    "supervisor": ("on_site", _FIELD),  # 监督员
    "grid_worker": ("on_site", _FIELD),  # 网格员
    "grid_leader": ("on_site", _FIELD),  # 网格长
    "dispatcher": ("command", _DESK),  # 派遣员
    "command_leader": ("command", _DESK | {"webhooks:write"}),  # 指挥长
    # 处置单位
    "unit_clerk": ("unit", _READS | {"cases:read", "cases:act", "scores:read", "media:create", "media:read"}),
    "evaluator": (None, _READS | {"cases:read", "scores:read", "reports:read"}),  # 考评员
    "auditor": (None, _READS | {"cases:read", "scores:read", "reports:read", "audit:read"}),
    "admin": (
        None,
        _READS | {"areas:write", "keys:write", "webhooks:write", "cases:read", "scores:read", "audit:read"},
    ),
    "subscriber": (None, _READS | {"webhooks:write"}),
}
CENTRES: Final = frozenset({"supervision", "command", "on_site", "unit"})
KEY_ACTIONS: Final = frozenset(
    {"reports:create", "reports:read", "media:create", "areas:read", "catalogue:read", "cases:read", "scores:read"}
    | {"stream:read", "webhooks:write"}
)


class NotSignedIn(Unauthenticated):
    slug, title, title_zh = "not-signed-in", "No credentials", "未提供凭证"


class BadToken(Unauthenticated):
    slug, title, title_zh = "bad-token", "The token is not valid", "令牌无效"


class BadKey(Unauthenticated):
    slug, title, title_zh = "bad-key", "The API key is not valid", "API 密钥无效"


class ActionNotAllowed(Forbidden):
    slug, title, title_zh = "action-not-allowed", "This caller may not do this", "该账号无此权限"


class OutsideScope(Forbidden):
    slug, title, title_zh = "outside-scope", "Outside the caller's area or categories", "超出授权范围"


class RateExceeded(TooMany):
    slug, title, title_zh = "rate-exceeded", "The key's rate is used up", "超出密钥的请求速率"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking: an app by its key, or a member of staff by a token. `area` is a prefix; root is the whole city."""

    kind: Literal["app", "staff"]
    subject: str
    area: AreaPath
    actions: frozenset[str]
    centre: str | None = None
    post: str | None = None
    unit: str | None = None
    categories: frozenset[str] | None = None
    rate: int | None = None


def authorize(who: Principal, action: str, area: AreaPath | None = None) -> None:
    """Raise ActionNotAllowed unless `who` may do `action`, OutsideScope unless `area` lies in the caller's own."""
    if action not in who.actions:
        may = ", ".join(sorted(who.actions)) or "nothing"
        raise ActionNotAllowed(
            f"{action} is needed, and {who.subject} may: {may}", facts={"needed": action, "post": who.post}
        )
    if area is not None and not who.area.covers(area):
        raise OutsideScope(
            f"{area or 'the whole city'} lies outside {who.area}, the area of {who.subject}",
            facts={"area": area, "allowed": who.area},
        )


class TokenVerifier:
    """Reads staff tokens (JWT, HS256) that `issue_token` made with the same secret.

    Algorithm, issuer and audience are pinned. Without a secret there are no tokens, and every one is refused.
    """

    def __init__(self, secret: str | None, *, issuer: str, audience: str) -> None:
        self._secret = secret
        self._issuer = issuer
        self._audience = audience
        # Verifying costs 25 µs, a look-up 0.1 µs; an entry is good until its token ends. Bounded, emptied when full.
        self._known: dict[str, tuple[float, Principal]] = {}

    def principal(self, token: str) -> Principal:
        """Raises BadToken."""
        known = self._known.get(token)
        if known is not None and known[0] > datetime.now(UTC).timestamp():
            return known[1]
        if self._secret is None:
            raise BadToken("this installation has no token secret; set WANGGE_TOKEN_SECRET outside production")
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=["HS256"],
                audience=self._audience,
                issuer=self._issuer,
                options={"require": ["exp", "sub", "aud", "iss"]},
            )
        except jwt.PyJWTError as error:
            raise BadToken(f"the token was refused: {error}") from None
        found = principal_of(claims)
        if len(self._known) >= 10_000:
            self._known.clear()
        self._known[token] = (float(claims["exp"]), found)
        return found


def principal_of(claims: Mapping[str, Any]) -> Principal:
    """The member of staff that a token's claims describe. Raises BadToken, naming the claim that is wrong."""
    post, centre, area, unit = (claims.get(name) for name in ("post", "centre", "area", "unit"))
    if not isinstance(post, str) or post not in POSTS:
        raise BadToken(f"claim 'post' is {post!r}; it must be one of {', '.join(POSTS)}")
    own_centre, actions = POSTS[post]
    if centre is not None and not isinstance(centre, str):
        raise BadToken("claim 'centre' must name one centre: nobody acts for two")
    if centre != own_centre:
        raise BadToken(f"claim 'centre' is {centre!r}, and the post {post} belongs to {own_centre!r}")
    if post == "unit_clerk" and not (isinstance(unit, str) and unit):
        raise BadToken("claim 'unit' is missing: a unit_clerk acts for one handling unit")
    try:
        path = AreaPath.parse(area) if isinstance(area, str) and area else AreaPath.root()
    except BadAreaPath:
        raise BadToken(f"claim 'area' is {area!r}, which is not an area path") from None
    return Principal(
        kind="staff",
        subject=str(claims["sub"]),
        area=path,
        actions=actions,
        centre=own_centre,
        post=post,
        unit=unit if isinstance(unit, str) else None,
    )


def issue_token(
    secret: str,
    *,
    subject: str,
    post: str,
    area: str,
    unit: str | None = None,
    issuer: str = "wangge-development",
    audience: str = "wangge",
    valid_for: timedelta = timedelta(days=30),
) -> str:
    """A development token for one post. Never used in production: `Settings` refuses to start with its secret there."""
    now = datetime.now(UTC)
    claims = {"sub": subject, "post": post, "centre": POSTS[post][0], "area": area, "unit": unit}
    times = {"iat": now, "exp": now + valid_for, "iss": issuer, "aud": audience}
    return jwt.encode({**claims, **times}, secret, algorithm="HS256")


class Keys(Protocol):
    """Finds whom an API key stands for."""

    async def principal(self, key: str) -> Principal:
        """Raises BadKey for an unknown, ended or revoked key, RateExceeded when its rate is used up."""
        ...


class Authenticator:
    """Turns an `Authorization` header into a principal."""

    def __init__(self, keys: Keys, tokens: TokenVerifier) -> None:
        self._keys = keys
        self._tokens = tokens

    async def principal(self, authorization: str | None) -> Principal:
        """Raises NotSignedIn, BadKey, BadToken or RateExceeded."""
        scheme, _, credential = (authorization or "").partition(" ")
        credential = credential.strip()
        if scheme.lower() != "bearer" or not credential:
            raise NotSignedIn(
                "send 'Authorization: Bearer <key or token>': an app's key starts with wg_, staff use a token"
            )
        if credential.startswith("wg_"):
            return await self._keys.principal(credential)
        return self._tokens.principal(credential)


async def caller(request: Request) -> Principal:
    """The principal of this request, from the app's authenticator. Raises what `Authenticator.principal` raises."""
    authenticator: Authenticator = request.app.state.authenticator
    return await authenticator.principal(request.headers.get("authorization"))


Caller = Annotated[Principal, Depends(caller)]
