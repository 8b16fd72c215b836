"""What docs/ says of the act table, working time, settings and refusals is what the code does.

`python -m tests.contract.test_docs` writes the act table into docs/acts.md anew.
"""

import re
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import to_jsonable_python

from services.city.parts import SERVICES
from services.city.problems import known
from services.dispatch.domain.lifecycle import TABLE, Step
from services.dispatch.domain.table import MARKS, OPEN
from services.dispatch.domain.words import ACT_ZH
from services.dispatch.domain.worktime import Limit, Unit, due
from services.dispatch.pack_rules import calendar_of
from services.evaluation.domain.indicators import RATES
from shared.http import STATUS, status_of
from shared.kernel.errors import Refusal
from shared.packs import load

DOCS = Path(__file__).resolve().parents[2] / "docs"
CASES = DOCS / "cases.md"
ACTS = DOCS / "acts.md"
BETWEEN = re.compile(r"(<!-- act table: .*? -->\n).*?(<!-- end of act table -->)", re.DOTALL)


def act_table() -> str:
    """The act table as docs/cases.md shows it, rows that are alike but for the status in one. Marks of clocks, possible
    in most statuses, are left to its prose.
    """
    grouped: dict[tuple[str, ...], list[str]] = {}
    for (status, act), step in TABLE.items():
        if act not in MARKS:
            to = "stays" if step.to is status else f"`{step.to}`"
            posts = ", ".join(f"`{post}`" for post in step.posts)
            grouped.setdefault((f"`{act}` {ACT_ZH[act]}", to, posts, _clocks(step)), []).append(status)
    lines = ["| Act | From | To | By | Clocks |", "|---|---|---|---|---|"]
    for (named, to, posts, clocks), statuses in grouped.items():
        origin = "any open one" if statuses == list(OPEN) else ", ".join(f"`{status}`" for status in statuses)
        lines.append(f"| {named} | {origin} | {to} | {posts} | {clocks} |")
    return "\n".join(lines) + "\n"


def _clocks(step: Step) -> str:
    stops = "whichever runs" if isinstance(step.stops, tuple) else step.stops
    moved = (("stops", stops), ("starts", step.starts), ("resumes", step.resumes))
    return ", ".join(f"{verb} {stage}" for verb, stage in moved if stage is not None)


def _rows(text: str, columns: int) -> list[list[str]]:
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return [row for row in found if len(row) == columns and not row[0].startswith("---")]


def test_the_act_table_in_the_docs_is_the_one_in_use() -> None:
    found = BETWEEN.search(ACTS.read_text(encoding="utf-8"))
    assert found is not None
    shown = found[0].removeprefix(found[1]).removesuffix(found[2])
    assert shown == act_table(), "write it anew: .venv/bin/python -m tests.contract.test_docs"


def test_the_worked_examples_of_working_time_come_out_as_the_docs_say() -> None:
    calendar = calendar_of(load("haidian"))
    after = CASES.read_text(encoding="utf-8").partition("<!-- worked examples")[2]
    examples = [row for row in _rows(after, 4) if row[0] != "Start"]
    assert len(examples) >= 8
    for start, limit, expected, _ in examples:
        amount, unit = limit.split()
        begins, ends = (datetime.fromisoformat(at).replace(tzinfo=calendar.zone) for at in (start, expected))
        assert due(begins, Limit(int(amount), Unit(unit)), calendar) == ends, (start, limit)


def test_every_setting_is_listed_with_its_default_and_none_that_is_not_one() -> None:
    text = (DOCS / "operating.md").read_text(encoding="utf-8")
    listed = {row[0].strip("`"): row[1] for row in _rows(text, 3) if row[0].startswith("`WANGGE_")}
    fields: dict[str, Any] = {}
    for name in SERVICES:
        settings = getattr(import_module(f"services.{name}.settings"), f"{name.capitalize()}Settings")
        fields |= {f"WANGGE_{field.upper()}": info for field, info in settings.model_fields.items()}
    assert listed.keys() == fields.keys()
    for name, info in fields.items():
        default = to_jsonable_python(info.get_default(call_default_factory=True))
        shown = "" if default in (None, []) else f"`{str(default).lower() if isinstance(default, bool) else default}`"
        assert listed[name] == shown, name


def test_every_rate_is_listed_as_it_is_made() -> None:
    text = (DOCS / "scoring.md").read_text(encoding="utf-8")
    listed = {row[0]: row[1] for row in _rows(text, 2) if row[0].startswith("`")}
    for rate in RATES:
        made = f"{' + '.join(rate.numerator)} / {' + '.join(rate.denominator)}"
        assert listed.get(f"`{rate.name}` {rate.zh}") == made


def test_a_slug_means_one_status() -> None:
    """`unknown-unit` may not be 404 of one service and 422 of another: `/problems/<slug>` is one page."""
    known()
    statuses: dict[str, set[int]] = {}
    waiting = [Refusal]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if any(base in STATUS for base in kind.__mro__):
            statuses.setdefault(kind.slug, set()).add(status_of(kind))
    assert {slug: found for slug, found in statuses.items() if len(found) > 1} == {}


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_every_refusal_that_the_docs_name_exists_with_its_status(page: str) -> None:
    refusals = known()
    for status, slug in re.findall(r"^\| (\d{3}) \| `([a-z0-9-]+)` \|", (DOCS / page).read_text("utf-8"), re.MULTILINE):
        assert slug in refusals
        assert refusals[slug][3] == int(status), slug


@pytest.mark.parametrize("page", ["../README.md", *sorted(path.name for path in DOCS.glob("*.md"))])
def test_every_link_between_pages_leads_somewhere(page: str) -> None:
    path = DOCS / page
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


if __name__ == "__main__":
    ACTS.write_text(BETWEEN.sub(lambda m: m[1] + act_table() + m[2], ACTS.read_text("utf-8")), encoding="utf-8")
