"""A history file as batches that are ready to be stored.

Reading, checking and writing out a row takes as much of a core as storing it takes of another (docs/history.md has the
figures), so an import has them made in a process of their own (`shared.imports.beside`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import orjson

from services.dispatch.audit.keys import AuditKey
from services.dispatch.domain.history import Judge, Told
from services.dispatch.domain.history_checks import Wrong, wrong_with
from services.dispatch.history.rows import Known, Places, RowReader
from services.dispatch.outgoing import imported_event, told_of
from services.dispatch.pack_rules import rules_of
from services.dispatch.store.history_rows import Lines, Tables, lines_of, tables_of
from shared.imports.reading import RawRow, Source, rows
from shared.imports.refused import lines_of_csv
from shared.packs import load


class Batch(NamedTuple):
    """Rows of a file, up to and with row `rows_done`, whose last line is `line`.

    `ids` are the report ids of its cases, 16 bytes each; `tables` what is stored of them; `errors` are lines of the
    file of refused rows.
    """

    rows_done: int
    line: int
    cases: int
    ids: bytes
    tables: Tables
    new_units: list[str]
    refused: int
    errors: bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """What to read, from which row on, and against what. It goes to another process, so it can be pickled."""

    source: Source
    system: str
    pack: str
    units: frozenset[str]
    any_unit: bool
    places: Places
    mask: "Mask"
    now: datetime
    size: int
    audit_key: AuditKey
    rows_done: int = 0


class Mask(NamedTuple):
    """A function by its name: `services.intake.domain.masking` and `mask`. This service imports no other."""

    module: str
    name: str


def batches(plan: Plan) -> Iterator[Batch]:
    """The rest of the file. Rows that were settled before are read again for their numbers alone."""
    made = _Maker(plan)
    waiting: list[RawRow] = []
    done = 0
    for row in rows(plan.source):
        done += 1
        if done <= plan.rows_done:
            made.seen_before(row)
            continue
        waiting.append(row)
        if len(waiting) == plan.size:
            yield made.batch(waiting, done)
            waiting = []
    if waiting:
        yield made.batch(waiting, done)


class _Maker:
    def __init__(self, plan: Plan) -> None:
        from importlib import import_module

        self._plan = plan
        pack = load(plan.pack)
        self._rules = rules_of(pack)
        self._judge = Judge(self._rules)
        self._known = Known(
            plan.system,
            self._rules,
            pack.zone,
            {code: frozenset(c.key for c in category.conditions) for code, category in pack.categories.items()},
            plan.units,
            plan.any_unit,
            plan.places,
            getattr(import_module(plan.mask.module), plan.mask.name),
        )
        self._reader = RowReader(self._known, plan.source.header)
        self._line_of: dict[int, int] = {}  # hash of a number → the line it stood on: 100 bytes a row, not the text

    def seen_before(self, row: RawRow) -> None:
        """Keep the number of a row that was settled, so that a second one of it is noticed."""
        if number := row.values.get("number"):
            self._line_of.setdefault(hash(number), row.line)

    def batch(self, raw: list[RawRow], done: int) -> Batch:
        """Read, check and write out these rows."""
        read = [self._read(row) for row in raw]
        read = self._placed(read)
        cases: list[Lines] = []
        ids: list[bytes] = []
        units: set[str] = set()
        refused: list[list[str]] = []
        for row, found in zip(raw, read, strict=True):
            wrong = found if isinstance(found, list) else wrong_with(found, self._rules, self._plan.now)
            if wrong:
                refused.append(self._refused(row, wrong))
                continue
            assert isinstance(found, Told)
            case = self._judge.taken_in(found)
            details = told_of(case)
            told = orjson.dumps(details)
            cases.append(lines_of(case, details, told, imported_event(case, told), self._plan.audit_key))
            ids.append(case.report_id.bytes)
            units.update(unit for unit in (found.unit, found.first_unit) if unit and unit not in self._known.units)
        return Batch(
            done,
            raw[-1].line,
            len(ids),
            b"".join(ids),
            tables_of(cases),
            sorted(units),
            len(refused),
            lines_of_csv(refused),
        )

    def _read(self, row: RawRow) -> Told | list[Wrong]:
        if row.trouble:
            return [Wrong("", row.trouble, "one case in the file's own format")]
        found = self._reader.read(row.values)
        if number := row.values.get("number"):
            first = self._line_of.setdefault(hash(number), row.line)
            if first != row.line:
                again = Wrong("number", f"{number[:64]!r} stands on line {first} already", "each case once")
                found = [again, *(found if isinstance(found, list) else ())]
        return found

    def _placed(self, read: list[Told | list[Wrong]]) -> list[Told | list[Wrong]]:
        """The same with the grids of those that are placed by a point alone."""
        which = [n for n, found in enumerate(read) if isinstance(found, Told) and not found.area]
        points = [found.place for n in which if isinstance(found := read[n], Told)]
        for n, path in zip(which, self._known.places.grids_at(points) if points else (), strict=True):
            found = read[n]
            assert isinstance(found, Told)
            if path is None:
                why = f"{found.place.lon:.6f}, {found.place.lat:.6f} (WGS 84) lies in no grid"
                read[n] = [Wrong("lon", why, "a point inside the city, or area")]
            else:
                read[n] = found._replace(area=type(found.area)(path))
        return read

    def _refused(self, row: RawRow, wrong: list[Wrong]) -> list[str]:
        said = [" | ".join(each) for each in zip(*wrong, strict=True)]
        cells = [row.values.get(name, "") for name in self._plan.source.header]
        return [str(row.line), *said, "" if row.values else row.raw, *cells]
