"""A row of a history file → a case as the domain knows it, or everything that is wrong with it.

What comes again and again (areas, the city's offset on a day) is looked up once: there may be a million rows.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, Protocol, TypeVar
from zoneinfo import ZoneInfo

from services.dispatch.domain.case import Place, Post
from services.dispatch.domain.history import OUTCOMES, STEPS, TIMED, Told
from services.dispatch.domain.history_checks import Wrong
from services.dispatch.domain.rules import Rules
from services.dispatch.domain.worktime import Limit, Unit
from shared.kernel.area import AreaPath
from shared.kernel.errors import Refusal
from shared.kernel.place import Datum, to_wgs84

LONGEST_DESCRIPTION = 10_000
_LONGEST_LIMIT = 10_000
_MOST_TIMES = 999
_NUMBER = re.compile(r"[^\x00-\x1f\x7f]{1,64}")
_CODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")
_SOURCE = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_YES_NO = {"true": True, "1": True, "是": True, "false": False, "0": False, "否": False}
_UNITS = {unit.value: unit for unit in Unit}
_POSTS = frozenset(post.value for post in Post if post is not Post.SYSTEM)
_NOTHING = (None,) * len(STEPS)
_DATUMS = {datum.value: datum for datum in Datum}
_TIME_FORMS = "2019-03-01 08:30:00 in the city's own time, or 2019-03-01T08:30:00+08:00"


class Places(Protocol):
    """Where things are in this city. Read in another process, so it can be pickled."""

    def grids_at(self, places: Sequence[Place]) -> list[str | None]:
        """The grid that holds each of `places`."""

    def path_of(self, area: str) -> str | None:
        """The path of an area that is or was one of this city, named by it or by the same digits without dots."""

    def centre_of(self, path: str) -> Place | None:
        """A point inside the area, or inside the next larger one that is known."""


class Known(NamedTuple):
    """What rows are read against. `mask` takes out of a text what names a person.

    `conditions` has the filing conditions of each category.
    """

    system: str
    rules: Rules
    zone: ZoneInfo
    conditions: Mapping[str, frozenset[str]]
    units: frozenset[str]
    any_unit: bool
    places: Places
    mask: Callable[[str], str]


class RowReader:
    """Reads rows. A case that is placed by a point alone comes without an area: its batch is looked up at once."""

    def __init__(self, known: Known, header: Sequence[str]) -> None:
        self._known = known
        # Of forty columns about steps a file has ten: the others are not asked for a million times.
        self._at = [(n, f"{step}_at") for n, step in enumerate(STEPS) if f"{step}_at" in header]
        self._by = [(n, f"{step}_by") for n, step in enumerate(STEPS) if f"{step}_by" in header]
        self._post = [(n, f"{step}_post") for n, step in enumerate(STEPS) if f"{step}_post" in header]
        self._on_time = [(n, f"{STEPS[n]}_on_time") for n in TIMED if f"{STEPS[n]}_on_time" in header]
        # By day: a text with its offset is read three times as fast as its time is brought from a zone to UTC.
        self._offsets: dict[str, str] = {}
        self._areas: dict[str, tuple[AreaPath, Place | None]] = {}

    def read(self, values: Mapping[str, str]) -> Told | list[Wrong]:
        """The case, its codes known; or what is wrong."""
        wrong: list[Wrong] = []
        get, known = values.get, self._known
        number = get("number", "")
        if not _NUMBER.fullmatch(number):
            wrong.append(Wrong("number", "missing or too long", "1 to 64 characters in one line"))
        if (outcome := get("outcome", "")) not in OUTCOMES:
            wrong.append(_unknown("outcome", outcome, OUTCOMES))
        category = get("category", "")
        if (conditions := known.conditions.get(category)) is None:
            wrong.append(Wrong("category", f"{category[:80]!r} is not known", "a code of the pack's catalogue"))
            conditions = frozenset()
        if (condition := get("condition")) is not None and condition not in conditions:
            wrong.append(_unknown("condition", condition, sorted(conditions)))
        source = get("source", "")
        if not _SOURCE.fullmatch(source):
            wrong.append(Wrong("source", "missing or misspelt", "small letters, digits, _ and -: hotline, patrol"))
        description = get("description", "")
        if len(description) > LONGEST_DESCRIPTION or "\x00" in description:
            wrong.append(Wrong("description", "too long, or with a NUL", f"at most {LONGEST_DESCRIPTION} characters"))
        told = Told(
            known.system,
            number,
            outcome,
            category,
            condition,
            known.mask(description),
            source,
            *self._where(get, wrong),
            self._unit("unit", get, wrong),
            self._unit("first_unit", get, wrong),
            _limit(get, wrong),
            self._time("due_at", get, wrong),
            _by_step([(n, self._time(field, get, wrong)) for n, field in self._at]),
            _by_step([(n, _person(field, get, wrong)) for n, field in self._by]),
            _by_step([(n, _post(field, get, wrong)) for n, field in self._post]),
            _by_step([(n, _yes_no(field, get, wrong)) for n, field in self._on_time]),
            _count("rework", get, wrong),
            _count("suspended", get, wrong),
            _count("evidence_refused", get, wrong),
        )
        return wrong or told

    def _where(self, get: "_Get", wrong: list[Wrong]) -> tuple[AreaPath, Place]:
        """The area, and the point: the one given, or the area's centre."""
        point = _point(get, wrong)
        area = get("area")
        if not area:
            if point is None:
                wrong.append(Wrong("area", "missing: neither area nor lon and lat", "an area path, or a point"))
            return AreaPath.root(), point or Place(0.0, 0.0)
        found = self._areas.get(area)
        if found is None:
            try:
                path = AreaPath.parse(self._known.places.path_of(area) or area)
            except Refusal as refusal:
                wrong.append(Wrong("area", refusal.detail, refusal.errors[0].message))
                return AreaPath.root(), Place(0.0, 0.0)
            found = self._areas[area] = (path, self._known.places.centre_of(path))
        path, centre = found
        if point is None and centre is None:
            why = f"neither {area[:80]} nor an area above it is known to this city"
            wrong.append(Wrong("area", why, "an area of `wangge areas import`, or lon and lat as well"))
        return path, point or centre or Place(0.0, 0.0)

    def _unit(self, field: str, get: "_Get", wrong: list[Wrong]) -> str | None:
        value = get(field)
        if value is not None and value not in self._known.units:
            if not _CODE.fullmatch(value):
                wrong.append(Wrong(field, f"{value[:80]!r} is no code", "letters, digits, _ and -"))
            elif not self._known.any_unit:
                right = "a unit of the pack, or --allow-unknown-units to keep it as a retired one"
                wrong.append(Wrong(field, f"{value!r} is not known", right))
        return value

    def _time(self, field: str, get: "_Get", wrong: list[Wrong]) -> datetime | None:
        text = get(field)
        if not text:
            return None
        try:
            if len(text) < 16:  # a bare date would be taken for its midnight
                raise ValueError
            at = datetime.fromisoformat(text)
            if at.tzinfo is None:
                offset = self._offsets.get(text[:10])
                if offset is None:
                    offset = self._offset(at)
                    if not offset:
                        return at.replace(tzinfo=self._known.zone).astimezone(UTC)
                    self._offsets[text[:10]] = offset
                at = datetime.fromisoformat(text + offset)
            return at
        except (ValueError, OverflowError):
            wrong.append(Wrong(field, f"{text[:40]!r} is no time", _TIME_FORMS))
            return None

    def _offset(self, at: datetime) -> str:
        """The city's offset on the day of `at`, as text; empty on a day on which the clocks were changed."""
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=self._known.zone)
        first, last = midnight.strftime("%z"), midnight.replace(hour=23, minute=59).strftime("%z")
        return first if first == last else ""


_Get = Callable[[str], str | None]
_T = TypeVar("_T")


def _by_step(known: Sequence[tuple[int, _T | None]]) -> tuple[_T | None, ...]:
    if not known:
        return _NOTHING
    found: list[_T | None] = [None] * len(STEPS)
    for n, value in known:
        found[n] = value
    return tuple(found)


def _unknown(field: str, value: str, among: Sequence[str]) -> Wrong:
    return Wrong(field, f"{value[:80]!r} is not known" if value else "missing", f"one of {', '.join(among)}")


def _point(get: _Get, wrong: list[Wrong]) -> Place | None:
    lon, lat, datum = get("lon"), get("lat"), get("datum") or "wgs84"
    if not lon and not lat:
        return None
    if datum not in _DATUMS:
        wrong.append(Wrong("datum", f"{datum[:40]!r} is not known", f"one of {', '.join(_DATUMS)}"))
        return None
    try:
        x, y = float(lon or ""), float(lat or "")
        if not (-180 <= x <= 180 and -90 <= y <= 90):
            raise ValueError
    except ValueError:
        wrong.append(Wrong("lon", f"{lon}, {lat} is no point", "degrees: lon -180 to 180, lat -90 to 90"))
        return None
    return Place(*to_wgs84(x, y, _DATUMS[datum]))


def _limit(get: _Get, wrong: list[Wrong]) -> Limit | None:
    amount, unit = get("limit_amount"), get("limit_unit")
    if not amount and not unit:
        return None
    if not unit or unit not in _UNITS:
        wrong.append(Wrong("limit_unit", f"{unit!r} is not known", f"one of {', '.join(_UNITS)}"))
        return None
    if not amount or not _whole(amount) or not 0 < int(amount) <= _LONGEST_LIMIT:
        wrong.append(Wrong("limit_amount", f"{amount!r} is no amount", f"a whole number from 1 to {_LONGEST_LIMIT}"))
        return None
    return Limit(int(amount), _UNITS[unit])


def _person(field: str, get: _Get, wrong: list[Wrong]) -> str | None:
    value = get(field)
    if value and (len(value) > 100 or not value.isprintable()):
        wrong.append(Wrong(field, "too long, or not printable", "an account or a name of at most 100 characters"))
    return value


def _post(field: str, get: _Get, wrong: list[Wrong]) -> str | None:
    value = get(field)
    if value is not None and value not in _POSTS:
        wrong.append(_unknown(field, value, sorted(_POSTS)))
    return value


def _yes_no(field: str, get: _Get, wrong: list[Wrong]) -> bool | None:
    value = get(field)
    if not value:
        return None
    if value.lower() not in _YES_NO:
        wrong.append(Wrong(field, f"{value[:40]!r} is neither", "true or false (also 1, 0, 是, 否), or empty"))
    return _YES_NO.get(value.lower())


def _count(field: str, get: _Get, wrong: list[Wrong]) -> int:
    value = get(field)
    if not value:
        return 0
    if not _whole(value) or int(value) > _MOST_TIMES:
        wrong.append(Wrong(field, f"{value[:40]!r} is no count", f"a whole number from 0 to {_MOST_TIMES}"))
        return 0
    return int(value)


def _whole(value: str) -> bool:
    return value.isdecimal() and len(value) <= 9
