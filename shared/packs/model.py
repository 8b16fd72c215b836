"""The shape of a pack. Strict: a wrong type or an unknown field is an error, never a guess."""

from datetime import date, time
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from shared.kernel.area import AreaPath
from shared.kernel.errors import Refusal

LimitUnit = Literal["work_minute", "work_hour", "work_day", "urgent_minute", "urgent_hour", "urgent_day"]
"""`work_…` runs inside working slots only; `urgent_…` runs through nights and holidays."""

Code = Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z_-]{0,63}$")]
RuleName = Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z_.-]{0,63}$")]
Line = Annotated[str, Field(min_length=1, max_length=2000)]


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("not a time zone of the IANA database, such as Asia/Shanghai") from None


def _area(path: str) -> str:
    try:
        return AreaPath.parse(path) if path else AreaPath.root()
    except Refusal as refusal:
        raise ValueError(refusal.errors[0].message) from None


TimeZone = Annotated[str, AfterValidator(_zone)]
Area = Annotated[str, AfterValidator(_area)]
ClockTime = Annotated[time, Field(strict=False)]


class Model(BaseModel):
    """Strict and frozen; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Text(Model):
    """The same words in Chinese and in English."""

    zh: Line
    en: Line


class Level(Text):
    """One level of the hierarchy. The last one, `grid`, is where points are placed and events are routed."""

    key: Code


class Limit(Model):
    amount: Annotated[int, Field(gt=0, le=10_000)]
    unit: LimitUnit


class StageLimit(Limit):
    """`source` says whose figure it is."""

    source: Line


class StageLimits(Model):
    """How long a stage may take. Handling is not here: its limit belongs to category and condition."""

    accept: StageLimit
    verify: StageLimit
    file: StageLimit
    dispatch: StageLimit
    check: StageLimit


class Automatic(Model):
    """Acts that the system does itself, in the transaction that opens the case, in this order."""

    accept: bool
    file: bool
    dispatch: bool

    @model_validator(mode="after")
    def _no_step_is_left_out(self) -> Self:
        if (self.file and not self.accept) or (self.dispatch and not self.file):
            raise ValueError("file needs accept, and dispatch needs file: an automatic act cannot follow a manual one")
        return self


class Condition(Model):
    """A filing condition 立案条件, with the handling limit that holds under it."""

    key: Code
    name: Text
    limit: Limit


class Attribute(Text):
    """An attribute of reports that routing rules may look at. `categories`: codes, or beginnings of codes and `*`."""

    type: Literal["text", "number", "boolean"]
    categories: Annotated[tuple[str, ...], Field(min_length=1)]


class Category(Model):
    """A component 部件 or a matter 事项 that may be reported. `dept` answers for it."""

    code: Code
    name: Text
    kind: Literal["component", "matter"]
    dept: Code
    conditions: Annotated[tuple[Condition, ...], Field(min_length=1)]

    @property
    def default_condition(self) -> Condition:
        """What the case is filed under when nobody chooses: the first."""
        return self.conditions[0]

    def condition(self, key: str) -> Condition | None:
        return next((c for c in self.conditions if c.key == key), None)


class Unit(Model):
    """A handling unit 处置单位: works for one department, within its area (empty: everywhere)."""

    code: Code
    name: Text
    area: Area
    dept: Code


class Slot(Model):
    """Working hours of a day, in the pack's time zone."""

    start: ClockTime
    end: ClockTime

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.start >= self.end:
            raise ValueError("a slot ends after it starts; one that runs past midnight is two slots")
        return self


class Calendar(Model):
    """Working time. A day is worked if it is in `workdays`, or falls on one of `weekdays` and is not in `holidays`.

    `published` are the years whose calendar is known; any other year is provisional (weekends only), and deadlines that
    cross it are computed again when its calendar appears, under a new `version`.
    """

    version: Code
    source: Line
    weekdays: frozenset[Annotated[int, Field(ge=1, le=7)]]
    slots: Annotated[tuple[Slot, ...], Field(min_length=1)]
    published: frozenset[int]
    holidays: dict[date, Text]
    workdays: dict[date, Text]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if any(a.end > b.start for a, b in zip(self.slots, self.slots[1:], strict=False)):
            raise ValueError("slots must be in order and must not overlap")
        if both := sorted(self.holidays.keys() & self.workdays.keys()):
            raise ValueError(f"{both[0]} is listed both as a holiday and as a working day")
        if unpublished := sorted({d.year for d in (*self.holidays, *self.workdays)} - self.published):
            raise ValueError(f"days of {unpublished[0]} are listed, but that year is not in published")
        return self

    def is_workday(self, day: date) -> bool:
        return day in self.workdays or (day.isoweekday() in self.weekdays and day not in self.holidays)

    def is_provisional(self, year: int) -> bool:
        return year not in self.published


class OutlineRow(Model):
    """The western and eastern edge of the outline at one latitude, degrees WGS 84."""

    lat: float
    west: float
    east: float


class Subdivision(Model):
    """Grids made by cutting an outline again and again until every community has its share: no gap, no overlap."""

    kind: Literal["subdivision"]
    name: Text
    grids: Annotated[int, Field(gt=0)]
    outline: Annotated[tuple[OutlineRow, ...], Field(min_length=2)]


class Cells(Model):
    """Cells drawn round the located requests of `requests`: their Voronoi polygons, neighbours joined.

    `top` gives the segment and the name of each value of the Borough column.
    """

    kind: Literal["cells"]
    requests: Line
    points_per_cell: Annotated[int, Field(gt=0)]
    margin_m: Annotated[int, Field(gt=0)]
    top: dict[str, tuple[Code, Text]]


class Demo(Model):
    """How real requests are played: `places` is `own` (where they happened) or `drawn` (inside a grid, by `seed`).

    `categories` turns a complaint type into a category of this pack.
    """

    requests: Line
    places: Literal["own", "drawn"]
    seed: int
    note: Text
    categories: dict[str, Code]


class Pack(Model):
    """One city's rules. `area` is the path that covers all of it (empty where the hierarchy has several tops).

    `folder` holds the packs: tables that are not read at once, and the requests of the demo, are found from there.
    `routing` is the text of `rules.yaml`, checked: `shared.packs.routing` reads it.
    """

    name: Code
    folder: Path
    title: Text
    provenance: Annotated[tuple[Text, ...], Field(min_length=1)]
    time_zone: TimeZone
    area: Area
    levels: Annotated[tuple[Level, ...], Field(min_length=1, max_length=8)]
    number_prefix: Annotated[str, Field(pattern=r"^[A-Z]{1,8}$")]
    departments: dict[Code, Text]
    units: dict[Code, Unit]
    categories: dict[Code, Category]
    calendar: Calendar
    stage_limits: StageLimits
    automatic: Automatic
    check_radius_m: Annotated[int, Field(gt=0)]
    anonymous: bool
    attributes: dict[str, Attribute] = {}
    routing: str
    geography: Annotated[Subdivision | Cells, Field(discriminator="kind")]
    demo: Demo

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def unit_for(self, category: str, area: str) -> Unit | None:
        """The routing rule: of the category's department, the unit with the smallest area that covers `area`.

        None if the category is unknown or nobody answers for it there.
        """
        found = self.categories.get(category)
        if found is None:
            return None
        near = [u for u in self.units.values() if u.dept == found.dept and AreaPath(u.area).covers(area)]
        return max(near, key=lambda u: len(u.area), default=None)
