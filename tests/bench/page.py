"""docs/performance.md and its chart, made from docs/performance.json: the figures of each row's last run."""

import os
import platform
from collections.abc import Iterable
from pathlib import Path

import orjson

from tests.bench.chart import chart
from tests.bench.measure import Figure, Result

DOCS = Path("docs")
HEAD = Path(__file__).with_name("page.md")


class Page:
    """Rows by letter; `put` replaces one, `write` makes the three files again."""

    def __init__(self, rows: dict[str, Result]) -> None:
        self._rows = rows

    @classmethod
    def read(cls) -> "Page":
        path = DOCS / "performance.json"
        if not path.exists():
            return cls({})
        return cls({row["row"]: Result.from_json(row) for row in orjson.loads(path.read_bytes())})

    def put(self, result: Result) -> None:
        self._rows[result.row] = result

    def write(self) -> None:
        rows = [self._rows[row] for row in sorted(self._rows)]
        data = orjson.dumps([row.as_json() for row in rows], option=orjson.OPT_INDENT_2)
        (DOCS / "performance.json").write_bytes(data + b"\n")
        (DOCS / "performance.svg").write_text(chart(rows), encoding="utf-8")
        (DOCS / "performance.md").write_text(_markdown(rows), encoding="utf-8")


def _markdown(rows: list[Result]) -> str:
    parts = [HEAD.read_text(encoding="utf-8").format(machine=_machine())]
    parts.append("\n".join(_goals(rows)))
    parts += ["\n".join(_row(row)) for row in rows]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GB, {platform.system()}, Python {platform.python_version()}"


def _goals(rows: list[Result]) -> Iterable[str]:
    yield "## What must be reached\n"
    yield "| Row | Figure | Must | Median | Spread | |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        for figure in row.figures:
            if figure.reached is not None:
                verdict = "reached" if figure.reached else "**not reached**"
                yield f"| {row.row} | {figure.name} | {figure.target} {figure.unit} | {_cells(figure)} | {verdict} |"


def _row(row: Result) -> Iterable[str]:
    yield f"## {row.row}: {row.title}\n"
    yield f"{' '.join(row.notes)}\n"
    yield "| Figure | Unit | Median | Spread |"
    yield "|---|---|---|---|"
    for figure in row.figures:
        yield f"| {figure.name} | {figure.unit} | {_cells(figure)} |"
    if row.holds:
        yield f"\n**What holds it.** {row.holds}"
    yield f"\nRun on {row.day}, {row.seconds:.0f} s; the machine's load at the end was {row.load:.1f}."


def _cells(figure: Figure) -> str:
    low, high = figure.spread
    spread = f"{number(low)} to {number(high)}" if len(figure.samples) > 1 else ""
    return f"{number(figure.median)} | {spread}"


def number(value: float) -> str:
    """Three figures are all that these measurements can bear."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
