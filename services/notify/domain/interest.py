"""What one subscriber wants to hear, and may."""

import re
from dataclasses import dataclass, replace

from services.notify.domain.frame import Frame
from shared.kernel.area import AreaPath
from shared.kernel.errors import FieldError, Invalid

MAX_TYPES = 50
# Cases that an old system closed never enter the log that streams and webhooks are read from.
HISTORY = "case.imported.v1"
_TYPE = re.compile(r"[a-z][a-z_]*(\.[a-z][a-z_]*)*(\.v[0-9]{1,3}|\.\*)\Z")


class BadEventTypes(Invalid):
    slug, title, title_zh = "bad-event-types", "Not a list of event types", "事件类型无效"


@dataclass(frozen=True, slots=True)
class Interest:
    """`area` covers what is heard ('' is the whole city). None means: not narrowed by this.

    `types` are whole types (`case.filed.v1`), `families` beginnings of one (`case.`).
    `categories` and `unit` come from the caller's credentials, never from the request.
    """

    area: str = ""
    types: frozenset[str] | None = None
    families: tuple[str, ...] = ()
    categories: frozenset[str] | None = None
    unit: str | None = None

    @property
    def everything(self) -> bool:
        """True when nothing but the area decides."""
        return self.types is None and self.categories is None and self.unit is None

    def allows(self, type_: str, category: str | None, unit: str | None) -> bool:
        """Whether a fact of this type, category and unit is wanted, its area left out of account."""
        if self.types is not None and type_ not in self.types and not type_.startswith(self.families):
            return False
        if self.categories is not None and category not in self.categories:
            return False
        return self.unit is None or unit == self.unit

    def wants(self, frame: Frame) -> bool:
        """Whether `frame` is wanted."""
        return self.area in frame.prefixes and self.allows(frame.type, frame.category, frame.unit)

    def narrowed_to(self, types: list[str], pointer: str) -> "Interest":
        """The same, for these types only: whole (`case.filed.v1`) or a family (`case.*`). None given: every type.

        Raises BadEventTypes, naming `pointer`.
        """
        wanted = [t for t in types if t]
        if not wanted:
            return self
        if len(wanted) > MAX_TYPES:
            raise BadEventTypes(
                f"{len(wanted)} types are named; at most {MAX_TYPES} are taken",
                errors=[FieldError(pointer, f"at most {MAX_TYPES} types")],
            )
        for name in wanted:
            if not _TYPE.match(name):
                message = "a type is written like case.filed.v1, a family like case.*"
                raise BadEventTypes(f"{name[:80]!r} is not an event type", errors=[FieldError(pointer, message)])
            if name == HISTORY:
                message = "not sent here; read the topic wangge.dispatch.cases.v1"
                raise BadEventTypes(
                    f"{name} 历史案卷 is in no stream and no webhook", errors=[FieldError(pointer, message)]
                )
        families = tuple(name[:-1] for name in wanted if name.endswith(".*"))
        return replace(self, types=frozenset(n for n in wanted if not n.endswith(".*")), families=families)


def wanted_area(asked: str | None, own: AreaPath, pointer: str) -> AreaPath:
    """The area a subscriber hears: the one asked for, or all of its own. Raises BadAreaPath.

    Whether the asked one lies within the caller's own is `authorize`'s to say.
    """
    return AreaPath.parse(asked, pointer) if asked else own
