"""The shape of a pack. Strict: a wrong type or an unknown field is an error, never a guess."""

import re
from collections.abc import Iterable
from datetime import date, time
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from shared.kernel.area import AreaPath
from shared.kernel.errors import Refusal

LimitUnit = Literal["work_minute", "work_hour", "work_day", "urgent_minute", "urgent_hour", "urgent_day"]
"""`work_…` runs inside working slots only; `urgent_…` runs through nights and holidays."""

Code = Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z_-]{0,63}$")]
RuleName = Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z_.-]{0,63}$")]
CategoryPattern = Annotated[str, Field(pattern=r"^(\*|[0-9A-Za-z][0-9A-Za-z_-]{0,63}\*?)$")]
"""A category's code, or the beginning of one and `*`; `*` alone is every one."""
SourceKey = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
AttributeName = Annotated[str, Field(pattern=r"^[A-Za-z][0-9A-Za-z_]{0,63}$")]
Line = Annotated[str, Field(min_length=1, max_length=2000)]


def matches(patterns: Iterable[str], code: str) -> bool:
    """Whether one of the patterns means this code: itself, or what begins with what stands before its `*`."""
    return any(code.startswith(p[:-1]) if p.endswith("*") else code == p for p in patterns)


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
# The midnight that ends a day has no `time` of its own: as an end, 00:00 can mean nothing else.
EndTime = Annotated[ClockTime, BeforeValidator(lambda value: "00:00" if value == "24:00" else value)]


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


class SomeStageLimits(Model):
    """Stages whose limit is another in a part of the city (Taiyuan: a check has 60 minutes in town, 120 outside)."""

    accept: StageLimit | None = None
    verify: StageLimit | None = None
    file: StageLimit | None = None
    dispatch: StageLimit | None = None
    check: StageLimit | None = None


class Step(Model):
    """What happens when a stage's clock reaches `at` times its limit, beside yellow at 0.8 and red at 1.0, which are
    always there: `notify` tells the posts `to`, `urge` 督办 and `raise` 升级 act on the case as well.
    """

    at: Annotated[float, Field(ge=0.01, le=100)]
    do: Literal["notify", "urge", "raise"]
    to: Annotated[tuple[Code, ...], Field(min_length=1, max_length=10)]

    @property
    def percent(self) -> int:
        return round(self.at * 100)

    @model_validator(mode="after")
    def _whole_percent(self) -> Self:
        if abs(self.at * 100 - self.percent) > 1e-6:
            raise ValueError("at is a share of the limit in whole percent, such as 0.5 or 2.0")
        return self


_RAISED = Step(at=2.0, do="raise", to=("command_leader",))


class Steps(Model):
    """The steps of each stage's clock. Handling, unless the pack says otherwise, is raised to the leader at twice its
    limit (WORKFLOW §3).
    """

    accept: tuple[Step, ...] = ()
    verify: tuple[Step, ...] = ()
    file: tuple[Step, ...] = ()
    dispatch: tuple[Step, ...] = ()
    handle: tuple[Step, ...] = (_RAISED,)
    check: tuple[Step, ...] = ()

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for stage, steps in self:
            seen = {(step.percent, step.do) for step in steps}
            if len(seen) < len(steps):
                raise ValueError(f"{stage} does the same twice at one share: name all its posts in one step")
        return self


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


class Procedure(Model):
    """How this regime does what others do otherwise. `two_way` are pairs of departments that send work to one another
    without the command centre 双向派单; what is `needed` comes with every answer from the spot.
    """

    single_desk: bool = False
    location_needed: bool = False
    photo_needed: bool = False
    two_way: tuple[tuple[Code, Code], ...] = ()
    reopen_days: Annotated[int, Field(ge=0, le=3650)] = 30
    answer_late_hours: Annotated[int, Field(ge=0, le=720)] = 24
    urging: Limit = Limit(amount=1, unit="work_day")
    summons: Limit = Limit(amount=2, unit="urgent_hour")


class Condition(Model):
    """A filing condition 立案条件, with the handling limit that holds under it. `source` says whose limit it is."""

    key: Code
    name: Text
    limit: Limit
    source: str = ""


class Attribute(Text):
    """An attribute of reports: what the form of a category asks beside the description. Routing rules may look at it.

    `categories`: codes, or beginnings of codes and `*`. `values` are what a `choice` (one of them) or `choices` (any
    number of them, each once) may be; `min` and `max`, both included, hold for a `number`; a `datetime` is RFC 3339
    with an offset. `required`: a report of these categories is refused without it.
    """

    type: Literal["text", "number", "boolean", "datetime", "choice", "choices"]
    categories: Annotated[tuple[CategoryPattern, ...], Field(min_length=1)]
    required: bool = False
    description: Text | None = None
    values: dict[Code, Text] = {}
    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        chosen = self.type in ("choice", "choices")
        if chosen and not self.values:
            raise ValueError(f"a {self.type} needs values: {{key: {{zh: …, en: …}}}}")
        if self.values and not chosen:
            raise ValueError(f"values are for a choice or choices, and this is a {self.type}")
        if (self.min is not None or self.max is not None) and self.type != "number":
            raise ValueError(f"min and max are for a number, and this is a {self.type}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"nothing lies between min {self.min:g} and max {self.max:g}")
        return self

    def is_of(self, category: str) -> bool:
        """Whether reports of this category have it."""
        return matches(self.categories, category)


class Likeness(Model):
    """How near and how soon after one another two reports are told of the same matter; what is None is the default."""

    radius_m: Annotated[int, Field(gt=0, le=500)] | None = None
    window_hours: Annotated[int, Field(gt=0, le=8760)] | None = None


CodePattern = Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{0,64}\*?$", min_length=1)]
"""A category's code, or the beginning of codes and `*`."""


class Duplicates(Model):
    """When reports are duplicates 重复上报 of one another: of the same category, or of `siblings` (which people cannot
    be expected to tell apart), within a radius and a window. Of several patterns that fit a code the longest counts;
    reports of categories in `never` are each a matter of their own.
    """

    radius_m: Annotated[int, Field(gt=0, le=500)]
    window_hours: Annotated[int, Field(gt=0, le=8760)]
    never: tuple[CodePattern, ...] = ()
    categories: dict[CodePattern, Likeness] = Field(default_factory=dict)
    siblings: tuple[Annotated[tuple[Code, ...], Field(min_length=2)], ...] = ()

    def likeness_of(self, code: str) -> tuple[int, int] | None:
        """Radius in metres and window in hours; None for a category that has none."""
        if any(fits(pattern, code) for pattern in self.never):
            return None
        own = max((p for p in self.categories if fits(p, code)), key=lambda p: (p == code, len(p)), default=None)
        special = Likeness() if own is None else self.categories[own]
        return special.radius_m or self.radius_m, special.window_hours or self.window_hours

    def family_of(self, code: str) -> str:
        """The code that stands for this one and its siblings."""
        return next((group[0] for group in self.siblings if code in group), code)


def fits(pattern: str, code: str) -> bool:
    """Whether `pattern` is the code, or its beginning and `*`."""
    return code.startswith(pattern[:-1]) if pattern.endswith("*") else code == pattern


class Dated(Model):
    """In effect from `begins` to `ends`, both days included; None: no end on that side."""

    begins: Annotated[date | None, Field(alias="from")] = None
    ends: Annotated[date | None, Field(alias="until")] = None

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.begins is not None and self.ends is not None and self.begins > self.ends:
            raise ValueError(f"ends on {self.ends.isoformat()}, before it begins on {self.begins.isoformat()}")
        return self


class Standard(Dated):
    """A standard 标准 whose codes are understood, as long as it is in effect here. `note` says what is known of it."""

    title: Text
    number: Line
    note: Text | None = None


class OtherCode(Model):
    """The code by which another standard knows a category: standard, kind and code are its key."""

    standard: Code
    kind: Literal["component", "matter"]
    code: Code
    note: str = ""

    @property
    def key(self) -> str:
        return f"{self.standard}:{self.kind}:{self.code}"


class Category(Dated):
    """A component 部件 or a matter 事项 that may be reported. `dept` answers for it.

    `standard` is the one that its code is of (None: the pack has no standards), `codes` what other standards call it.
    `instead` is the code to report while this one is not in effect.
    """

    code: Code
    name: Text
    kind: Literal["component", "matter"]
    dept: Code
    conditions: Annotated[tuple[Condition, ...], Field(min_length=1)]
    standard: Code | None = None
    codes: tuple[OtherCode, ...] = ()
    instead: Code | None = None

    @property
    def default_condition(self) -> Condition:
        """What the case is filed under when nobody chooses: the first."""
        return self.conditions[0]

    def condition(self, key: str) -> Condition | None:
        return next((c for c in self.conditions if c.key == key), None)


class Source(Text):
    """A source 来源 of reports. `needs` is what a report of it must bring: a contact of whoever reported, media, the
    number it has where it comes from, the name of the office, paper or device there. `public`: a member of the public
    speaks, and leaves a contact where the pack takes no anonymous reports. `posts`: whose reports are of it when they
    do not say.
    """

    needs: tuple[Literal["contact", "media", "number", "name"], ...] = ()
    public: bool = False
    posts: tuple[Code, ...] = ()


class TurnTo(Text):
    """Who sees to what the grids may not be asked for, and by which telephone number."""

    phone: Annotated[str, Field(pattern=r"^[0-9+][0-9 +-]{2,19}$")]


class Elsewhere(Model):
    """Categories that are for somebody else."""

    categories: Annotated[tuple[CategoryPattern, ...], Field(min_length=1)]
    turn_to: TurnTo


class Admission(Model):
    """The admission list 准入清单: what the grids may be asked to do. What is not `admitted` is refused, with where to
    turn: the first of `elsewhere` that names it, else `otherwise`.
    """

    source: Text
    admitted: Annotated[tuple[CategoryPattern, ...], Field(min_length=1)]
    elsewhere: tuple[Elsewhere, ...] = ()
    otherwise: TurnTo

    def turn_to(self, category: str) -> TurnTo | None:
        """Where to turn with a category; None for one that is admitted and not named under `elsewhere`."""
        for each in self.elsewhere:
            if matches(each.categories, category):
                return each.turn_to
        return None if matches(self.admitted, category) else self.otherwise


class Unit(Model):
    """A handling unit 处置单位: works for one department, within its area (empty: everywhere)."""

    code: Code
    name: Text
    area: Area
    dept: Code


class Slot(Model):
    """Working hours of a day, in the pack's time zone. `end` may be "24:00", the midnight that ends the day."""

    start: ClockTime
    end: EndTime

    @property
    def minutes(self) -> tuple[int, int]:
        """Start and end in minutes since midnight."""
        start, end = (at.hour * 60 + at.minute for at in (self.start, self.end))
        return start, end or 24 * 60

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        for at in (self.start, self.end):
            if at.second or at.microsecond or at.tzinfo:
                raise ValueError("a slot begins and ends at a minute of the city's own time, such as 08:30")
        start, end = self.minutes
        if start >= end:
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
        if any(a.minutes[1] > b.minutes[0] for a, b in zip(self.slots, self.slots[1:], strict=False)):
            raise ValueError("slots must be in order and must not overlap")
        if both := sorted(self.holidays.keys() & self.workdays.keys()):
            raise ValueError(f"{both[0]} is listed both as a holiday and as a working day")
        if unpublished := sorted({d.year for d in (*self.holidays, *self.workdays)} - self.published):
            raise ValueError(f"days of {unpublished[0]} are listed, but that year is not in published")
        return self

    @model_validator(mode="after")
    def _some_day_is_worked(self) -> Self:
        if not self.weekdays:
            raise ValueError("weekdays names no day: a week needs a working day")
        return self

    def is_workday(self, day: date) -> bool:
        return day in self.workdays or (day.isoweekday() in self.weekdays and day not in self.holidays)

    def is_provisional(self, year: int) -> bool:
        return year not in self.published


class AreaRules(Model):
    """What a part of the city has of its own, by its area prefix; the longest prefix that covers a case counts."""

    calendar: Calendar | None = None
    stage_limits: SomeStageLimits = SomeStageLimits()


class QuietHours(Model):
    """Hours of the day, in the pack's time zone, in which nobody is sent a message; 21:00 to 08:00 is one night."""

    start: ClockTime
    end: ClockTime

    @model_validator(mode="after")
    def _some_of_the_day_is_left(self) -> Self:
        if self.start == self.end:
            raise ValueError("start and end are the same: quiet hours leave some of the day")
        return self


Occasion = Literal["filed", "dispatched", "closed", "rejected"]
"""What a reporter may be told of."""

PLACEHOLDERS = ("category", "code", "stop")
_BRACED = re.compile(r"\{([^{}]*)\}")


class Messages(Model):
    """What reporters are told 短信/邮件: on which occasion, in which languages, and when not.

    A text may hold {category}, its name; {code}, the tracking code; {stop}, the address where further messages are
    declined. Without a text for an occasion nobody is told of it.
    """

    languages: Annotated[tuple[Literal["zh", "en"], ...], Field(min_length=1, max_length=2)] = ("zh", "en")
    quiet: QuietHours | None = None
    subject: Text = Text(zh="您的上报有新进展", en="News of your report")
    texts: dict[Occasion, Text] = {}

    @model_validator(mode="after")
    def _placeholders_are_known(self) -> Self:
        for occasion, text in self.texts.items():
            for line in (text.zh, text.en):
                if unknown := [name for name in _BRACED.findall(line) if name not in PLACEHOLDERS]:
                    raise ValueError(f"{occasion}: {{{unknown[0]}}} is none of {', '.join(PLACEHOLDERS)}")
        return self


class Privacy(Model):
    """How long what is personal of a report is kept: so many months after its case ended (PIPL 个人信息保护法 art. 19:
    the shortest time that the purpose needs).
    """

    keep_months: Annotated[int, Field(ge=1, le=600)] = 24


class FirstAsked(Model):
    """First-asked responsibility 首问责任: after so many hours without anybody else's act on its case it is told that a
    report is left with whoever took it in; none: never.
    """

    hours: Annotated[int, Field(ge=1, le=24 * 366)] | None = None


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
    steps: Steps = Steps()
    areas: dict[Area, AreaRules] = Field(default_factory=dict)
    automatic: Automatic
    procedure: Procedure = Procedure()
    check_radius_m: Annotated[int, Field(gt=0)]
    anonymous: bool
    duplicates: Duplicates | None = None
    attributes: dict[AttributeName, Attribute] = {}
    standards: dict[Code, Standard] = {}
    sources: dict[SourceKey, Source] = {}
    admission: Admission | None = None
    routing: str
    geography: Annotated[Subdivision | Cells, Field(discriminator="kind")]
    demo: Demo
    messages: Messages = Messages()
    privacy: Privacy = Privacy()
    first_asked: FirstAsked = FirstAsked()

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def attributes_of(self, category: str) -> list[tuple[str, Attribute]]:
        """What the form of a category asks: name and attribute, in the order of the file."""
        return [(name, each) for name, each in self.attributes.items() if each.is_of(category)]

    def unit_for(self, category: str, area: str) -> Unit | None:
        """The routing rule: of the category's department, the unit with the smallest area that covers `area`.

        None if the category is unknown or nobody answers for it there.
        """
        found = self.categories.get(category)
        if found is None:
            return None
        near = [u for u in self.units.values() if u.dept == found.dept and AreaPath(u.area).covers(area)]
        return max(near, key=lambda u: len(u.area), default=None)
