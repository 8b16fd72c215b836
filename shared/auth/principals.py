"""Who is asking, and whether they may: posts, principals, one `authorize` for apps and staff."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from shared.kernel.area import AreaPath, BadAreaPath
from shared.kernel.errors import Forbidden, TooMany, Unauthenticated

# Post → (centre, what it may do). The area and the unit come from the token; which act a post may do on a case is the
# lifecycle's own table (dispatch), this one only opens the door to it.
_READS = frozenset({"areas:read", "catalogue:read", "stream:read"}) | {"components:read"}
_DESK = _READS | {"cases:read", "cases:act", "tasks:read", "reports:read", "media:read", "scores:read", "people:read"}
_FIELD = _DESK | {"reports:create", "media:create", "activities:create"}
POSTS: Final[Mapping[str, tuple[str | None, frozenset[str]]]] = {
    # 受理员
    "acceptor": ("supervision", _DESK | {"reports:create", "media:create", "personal:read", "reports:unmerge"}),
    "shift_leader": ("supervision", _DESK | {"activities:read", "personal:read", "reports:unmerge"}),  # 值班长
    "supervisor": ("on_site", _FIELD),  # 监督员
    "grid_worker": ("on_site", _FIELD),  # 网格员
    "grid_leader": ("on_site", _FIELD | {"activities:read"}),  # 网格长
    "dispatcher": ("command", _DESK),  # 派遣员
    "command_leader": ("command", _DESK | {"webhooks:write", "activities:read"}),  # 指挥长
    # 处置单位
    "unit_clerk": ("unit", _READS | {"cases:read", "cases:act", "scores:read", "media:create", "media:read"}),
    "evaluator": (None, _READS | {"cases:read", "scores:read", "reports:read", "activities:read"}),  # 考评员
    "auditor": (
        None,
        _READS | {"cases:read", "scores:read", "reports:read", "people:read", "audit:read", "activities:read"},
    ),
    "admin": (
        None,
        _READS
        | {"areas:write", "keys:write", "webhooks:write", "cases:read", "scores:read"}
        | {"people:read", "audit:read", "personal:erase"}
        | {"components:write"},
    ),
    "subscriber": (None, _READS | {"webhooks:write"}),
}
CENTRES: Final = frozenset({"supervision", "command", "on_site", "unit"})
KEY_ACTIONS: Final = frozenset(
    {"reports:create", "reports:read", "media:create", "areas:read", "catalogue:read", "cases:read", "scores:read"}
    | {"stream:read", "webhooks:write"}
    | {"components:read"}
)


class NotSignedIn(Unauthenticated):
    slug, title, title_zh = "not-signed-in", "No credentials", "未提供凭证"


class BadToken(Unauthenticated):
    slug, title, title_zh = "bad-token", "The token is not valid", "令牌无效"


class PasswordChangeNeeded(Forbidden):
    """The account has an initial password. Choose one of your own: PUT /dispatch/v1/account/password {old, new}."""

    slug, title, title_zh = "password-change-needed", "Choose a password of your own first", "请先修改初始密码"


class BadKey(Unauthenticated):
    slug, title, title_zh = "bad-key", "The API key is not valid", "API 密钥无效"


class ActionNotAllowed(Forbidden):
    slug, title, title_zh = "action-not-allowed", "This caller may not do this", "该账号无此权限"


class OutsideScope(Forbidden):
    slug, title, title_zh = "outside-scope", "Outside the caller's area or categories", "超出授权范围"


class RateExceeded(TooMany):
    slug, title, title_zh = "rate-exceeded", "The key's rate is used up", "超出密钥的请求速率"


class QuotaExceeded(TooMany):
    slug, title, title_zh = "quota-exceeded", "The key's requests of the day are used up", "密钥当日配额已用完"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking: an app by its key, a member of staff by a token, or for some addresses anybody.

    `area` is a prefix; root is the whole city. An app's `subject` stays when its key is rotated; `key` is the id of the
    very key that was sent.
    """

    kind: Literal["app", "staff", "anonymous"]
    subject: str
    area: AreaPath
    actions: frozenset[str]
    centre: str | None = None
    post: str | None = None
    unit: str | None = None
    categories: frozenset[str] | None = None
    rate: int | None = None
    key: str | None = None


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


def principal_of(claims: Mapping[str, Any]) -> Principal:
    """The member of staff that a token's claims describe.

    Raises BadToken, naming the claim that is wrong, and PasswordChangeNeeded for a token that opens nothing else.
    """
    if claims.get("must_change"):
        raise PasswordChangeNeeded("first choose a password of your own: PUT /dispatch/v1/account/password {old, new}")
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
    # Left out it would be the whole city, which nobody is given by an oversight of an identity provider's settings.
    if not isinstance(area, str):
        raise BadToken(f"claim 'area' is {area!r}; it must be an area path, or '' for the whole city")
    try:
        path = AreaPath.parse(area) if area else AreaPath.root()
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
