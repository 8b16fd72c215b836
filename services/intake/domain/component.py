"""A component 部件 of the city: a manhole cover, a street lamp, a bench. What is kept of it, and what may not be.

The fields are those of table 2 of GB/T 47678.5-2026 (eighteen; second-hand, see `component_code`), with the point, the
code under the other standard, and what a city keeps of its own. Street and community follow from the grid.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from services.intake.domain.cells import cell_of
from shared.kernel.errors import Conflict, Invalid, Malformed, NotFound, StaleVersion

LONGEST: Final[Mapping[str, int]] = {
    "name": 100, "authority": 100, "authority_name": 100, "owner": 100, "owner_name": 100, "maintainer": 100,
    "maintainer_name": 100, "data_source": 100, "note": 1000,
}  # fmt: skip
"""Characters. The standard allows 30, 18 (codes), 100, 30 and 1000; cities write more."""
MOST_ATTRIBUTES: Final = 40
LONGEST_VALUE: Final = 200
# What a census writes where nobody owns up: no owner.
NOBODY: Final = frozenset({"不明", "未知", "无", "无主", "待确认", "待确权", "权属不明", "-", "/", "unknown", "none"})


class State(StrEnum):
    """管理部件状态. `removed` is the end of a component; the others stand, or should, and are reported on."""

    INTACT = "intact"
    DAMAGED = "damaged"
    MISSING = "missing"
    ABANDONED = "abandoned"
    REMOVED = "removed"


STATE_ZH: Final[Mapping[State, str]] = {
    State.INTACT: "完好",
    State.DAMAGED: "破损",
    State.MISSING: "丢失",
    State.ABANDONED: "废弃",
    State.REMOVED: "移除",
}


class ComponentNotFound(NotFound):
    slug, title, title_zh = "component-not-found", "No such component", "部件不存在"


class ComponentRemoved(Invalid):
    """The component stands no more. Where another took its place, `successor` is that one's code."""

    slug, title, title_zh = "component-removed", "This component was removed", "部件已移除"


class BadComponent(Invalid):
    slug, title, title_zh = "bad-component", "This component cannot be kept", "部件信息无效"


class BadComponentFile(Malformed):
    slug, title, title_zh = "bad-component-file", "Not a file of components", "部件文件无效"


class FormerCodeTaken(Conflict):
    """A component that changes over to the 2026 form keeps its old code as `former_code`; no two may have the same."""

    slug, title, title_zh = "former-code-taken", "Another component had this code", "原标识码已被占用"


class ComponentChanged(StaleVersion):
    slug, title, title_zh = "component-changed", "The component was changed meanwhile", "部件信息已被更改"


class Component(NamedTuple):
    """A component as it now stands. `owner` 权属单位, `maintainer` 养护单位 and `authority` 主管部门 are a unit's code:
    ours, or a unified social credit code 统一社会信用代码; or its name where it has none. None: not known.

    `area` is the path of its grid; `lon`, `lat` are degrees WGS 84. A tuple, for an import makes a million.
    """

    code: int
    kind: str
    area: str
    lon: float
    lat: float
    state: str
    name: str
    authority: str | None = None
    authority_name: str | None = None
    owner: str | None = None
    owner_name: str | None = None
    maintainer: str | None = None
    maintainer_name: str | None = None
    surveyed_on: date | None = None
    changed_on: date | None = None
    data_source: str | None = None
    note: str | None = None
    former_code: int | None = None
    successor: int | None = None
    attributes: Mapping[str, Any] | None = None

    @property
    def cell(self) -> int:
        return cell_of(self.lon, self.lat)

    @property
    def removed(self) -> bool:
        return self.state == State.REMOVED


class Kept(NamedTuple):
    """A component with the version it has now: since when, and by whom."""

    component: Component
    version: int
    since: datetime
    by: str


def fingerprint(component: Component) -> int:
    """63 bits that tell whether a component stands as given."""
    told = [*component[:-1], sorted((component.attributes or {}).items())]
    digest = hashlib.blake2b(repr(told).encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 1


def changed_fields(before: Component, after: Component) -> list[str]:
    """The names of what differs."""
    return [name for name in Component._fields if getattr(before, name) != getattr(after, name)]


class Rate(NamedTuple):
    """权属清晰率: of the components that stand, how many have a known owner. `key` is an area or a kind."""

    key: str
    components: int
    owned: int

    @property
    def percent(self) -> float | None:
        """None where there is no component."""
        return round(100 * self.owned / self.components, 2) if self.components else None


def rolled_up(rates: Sequence[Rate], depth: int) -> list[Rate]:
    """Grids added up to the areas of `depth` segments above them, in path order."""
    sums: dict[str, list[int]] = {}
    for rate in rates:
        at = sums.setdefault(".".join(rate.key.split(".")[:depth]), [0, 0])
        at[0] += rate.components
        at[1] += rate.owned
    return [Rate(key, *counts) for key, counts in sorted(sums.items())]
