"""A file of components as batches that are ready to be stored; an import has them made in a process of their own."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from services.intake.components.rows import RowReader, Wrong
from services.intake.domain.component import Component
from services.intake.domain.component_code import Codes
from services.intake.grids.index import Grid, GridIndex
from services.intake.store.component_rows import Rows, rows_of
from shared.imports.reading import RawRow, Source, rows
from shared.imports.refused import lines_of_csv
from shared.kernel.place import Place


class Batch(NamedTuple):
    """Rows of a file, up to and with row `rows_done`, whose last line is `line`: what is stored of them, and how many
    were refused, with their lines of the file of refused rows.
    """

    rows_done: int
    line: int
    rows: Rows
    refused: int
    errors: bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """What to read, from which row on, and against what. It goes to another process, so it can be pickled."""

    source: Source
    names: dict[str, str]
    division: str | None
    grids: tuple[Grid, ...]
    by: str
    size: int
    rows_done: int = 0


def batches(plan: Plan) -> Iterator[Batch]:
    """The rest of the file. Rows that were settled before are read again for their codes alone."""
    made = _Maker(plan)
    waiting: list[RawRow] = []
    done = 0
    for row in rows(plan.source):
        done += 1
        waiting.append(row)
        if done == plan.rows_done or len(waiting) == plan.size:
            if done <= plan.rows_done:
                made.seen_before(waiting)
            else:
                yield made.batch(waiting, done)
            waiting = []
    if waiting:
        yield made.batch(waiting, done)


class Seen:
    """Codes that came before: 8 bytes each, so a census of a million takes 11 MB."""

    def __init__(self) -> None:
        self._codes = np.empty(0, dtype=np.int64)

    def again(self, codes: "list[int]") -> list[bool]:
        """Which of `codes` came before, or twice among them; all of them have come after this."""
        given = np.array(codes, dtype=np.int64)
        if not len(given):
            return []
        at = np.searchsorted(self._codes, given)
        before = np.zeros(len(given), dtype=bool)
        inside = at < len(self._codes)
        before[inside] = self._codes[at[inside]] == given[inside]
        _, first = np.unique(given, return_index=True)
        twice = np.ones(len(given), dtype=bool)
        twice[first] = False
        fresh = np.sort(given[~(before | twice)])
        self._codes = np.insert(self._codes, np.searchsorted(self._codes, fresh), fresh)
        answer: list[bool] = (before | twice).tolist()
        return answer


class _Maker:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._index = GridIndex(plan.grids, 0)
        self._codes = Codes(plan.names, plan.division)
        self._reader = RowReader(self._codes, plan.names, plan.source.header)
        self._seen, self._former = Seen(), Seen()

    def seen_before(self, raw: list[RawRow]) -> None:
        """Keep the codes of rows that were settled, so that a second one of them is noticed."""
        for name, seen in (("code", self._seen), ("former_code", self._former)):
            found = [self._codes.read(row.values.get(name, "")) for row in raw]
            seen.again([code.number for code in found if not isinstance(code, list)])

    def batch(self, raw: list[RawRow], done: int) -> Batch:
        """Read, place and write out these rows."""
        refused: list[tuple[RawRow, list[Wrong]]] = []
        read: list[tuple[RawRow, Component, str | None]] = []
        for row in raw:
            found = (
                [Wrong("", row.trouble, "one component in the file's own format")]
                if row.trouble
                else self._reader.read(row.values)
            )
            if isinstance(found, list):
                refused.append((row, found))
            else:
                read.append((row, *found))
        kept: list[Component] = []
        again = self._seen.again([component.code for _, component, _ in read])
        twice = self._doubled([component for _, component, _ in read])
        paths = self._index.locate_all([Place(component.lon, component.lat) for _, component, _ in read])
        for n, (row, component, named) in enumerate(read):
            wrong = self._misplaced(component, named, paths[n])
            if again[n]:
                wrong.append(Wrong("code", f"{component.code} stands in this file before", "each component once"))
            if twice[n]:
                wrong.append(Wrong("former_code", f"{component.former_code} was another row's", "each code once"))
            if wrong:
                refused.append((row, wrong))
            else:
                kept.append(component._replace(area=paths[n] or ""))
        refused.sort(key=lambda each: each[0].line)
        errors = lines_of_csv(self._refused(row, wrong) for row, wrong in refused)
        return Batch(done, raw[-1].line, rows_of(kept, self._plan.by), len(refused), errors)

    def _doubled(self, components: list[Component]) -> list[bool]:
        which = [n for n, component in enumerate(components) if component.former_code is not None]
        again = self._former.again([components[n].former_code or 0 for n in which])
        answer = [False] * len(components)
        for n, found in zip(which, again, strict=True):
            answer[n] = found
        return answer

    def _misplaced(self, component: Component, named: str | None, found: str | None) -> list[Wrong]:
        if found is None:
            at = f"{component.lon:.6f}, {component.lat:.6f} (WGS 84)"
            return [Wrong("lon", f"{at} lies in no grid", "a point inside the city; check the order and the datum")]
        if named is not None and self._index.path_of(named) != found:
            return [Wrong("area", f"the point lies in {found}, not in {named[:80]}", f"{found}, or leave it out")]
        return []

    def _refused(self, row: RawRow, wrong: list[Wrong]) -> list[str]:
        said = [" | ".join(each) for each in zip(*wrong, strict=True)]
        cells = [row.values.get(name, "") for name in self._plan.source.header]
        return [str(row.line), *said, "" if row.values else row.raw, *cells]
