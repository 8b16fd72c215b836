"""Refusals: true sentences about why something may not happen, each of one kind.

Refusal
├── Malformed           400  the bytes are not what they say they are
├── Unauthenticated     401  who is asking is not known
├── Forbidden           403  who is asking may not
├── NotFound            404  it is not there, or not for this caller
├── Conflict            409  the state of things does not allow it
├── StaleVersion        412  decided on an older state
├── TooLarge            413
├── UnsupportedMedia    415
├── Invalid             422  understood, and wrong
├── VersionRequired     428  an act must say which state it was decided on
├── TooMany             429
└── Unavailable         503  not now; nothing was changed

The numbers live in `shared/http/problems.py`; a consumer uses the same kinds to park a record.
Anything else that is raised is a bug (500) or an outage (503).
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple


class FieldError(NamedTuple):
    """One bad field: `pointer` is a JSON pointer into the body (`/location/lon`), or `?name` for a query parameter."""

    pointer: str
    message: str


def pointer_to(*parts: str | int) -> str:
    """The JSON pointer (RFC 6901) that names `parts`, members and places in lists, one within the other."""
    return "/" + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in parts)


class Refusal(Exception):
    """Something was asked and is refused; nothing was changed.

    `detail` states the facts of this case and what would be right. `facts` travel with the answer as extra members.
    """

    slug: ClassVar[str] = "refused"
    title: ClassVar[str] = "Refused"
    title_zh: ClassVar[str] = "请求被拒绝"

    def __init__(
        self, detail: str, *, errors: Sequence[FieldError] = (), facts: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.facts = dict(facts or {})


class Malformed(Refusal):
    slug, title, title_zh = "malformed", "The request cannot be read", "请求无法解析"


class Unauthenticated(Refusal):
    slug, title, title_zh = "unauthenticated", "Credentials are missing or not valid", "缺少凭证或凭证无效"


class Forbidden(Refusal):
    slug, title, title_zh = "forbidden", "Not allowed for this caller", "无权执行此操作"


class NotFound(Refusal):
    slug, title, title_zh = "not-found", "No such thing", "未找到"


class Conflict(Refusal):
    slug, title, title_zh = "conflict", "Not possible in the present state", "当前状态不允许此操作"


class StaleVersion(Refusal):
    slug, title, title_zh = "stale-version", "Decided on an older state", "所依据的版本已过期"


class TooLarge(Refusal):
    slug, title, title_zh = "too-large", "Too large", "内容过大"


class UnsupportedMedia(Refusal):
    slug, title, title_zh = "unsupported-media", "This kind of content is not taken", "不支持的内容类型"


class Invalid(Refusal):
    slug, title, title_zh = "invalid", "The input is not valid", "输入无效"


class VersionRequired(Refusal):
    slug, title, title_zh = "version-required", "If-Match is required", "必须提供 If-Match"


class TooMany(Refusal):
    """`facts["retry_after"]` is the number of seconds to wait."""

    slug, title, title_zh = "too-many-requests", "Too many requests", "请求过于频繁"


class Unavailable(Refusal):
    """`facts["retry_after"]` is the number of seconds to wait."""

    slug, title, title_zh = "unavailable", "Not available at the moment", "服务暂时不可用"
