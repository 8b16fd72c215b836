"""What trying routing rules found, as tables for a person and as a CSV file for a spreadsheet."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from services.dispatch.queries.try_rules import Asked, Moved, PastCase, Tally, Tried

COLUMNS = (
    *("number", "category", "area", "decided_at", "change", "unit_before", "unit_after"),
    *("assisting_before", "assisting_after", "rule_before", "rule_after"),
)
NOBODY = "(a person 人工)"
ROWS = 40


def show_tried(tried: Tried, asked: Asked) -> None:
    """Print what moves, what is left to people, what each rule matched, and what only attributes prevented."""
    tally, console = tried.tally, Console()
    beside = f"version {tried.active}, in force" if tried.active is not None else "the unit that each case has"
    area = asked.area or "the whole city"
    typer.echo(
        f"{tally.cases} cases 案卷 of {area}, against {beside}: {tally.moved} would move, {tally.same} would not"
    )
    if tally.undecided:
        typer.echo(f"{tally.undecided} were never dispatched and have no unit to move from")
    for table in (_moves(tally), _terms(tally), _nobody(tally), _rules(tried), _faults(tally)):
        if table.row_count:
            console.print(table)
    if tried.never_matched:
        typer.echo(f"rules that no case came to 从未匹配: {', '.join(tried.never_matched)}")


def _moves(tally: Tally) -> Table:
    table = Table("from", "to", "cases", "such as", title="units 处置单位")
    for (before, after), count in tally.moves.most_common(ROWS):
        table.add_row(before or NOBODY, after or NOBODY, str(count), ", ".join(tally.samples[before, after]))
    if len(tally.moves) > ROWS:
        rest = tally.moves.total() - sum(count for _, count in tally.moves.most_common(ROWS))
        table.add_row("…", "…", str(rest), f"{len(tally.moves) - ROWS} more pairs: --out has every case")
    return table


def _terms(tally: Tally) -> Table:
    table = Table("rule", "cases", "such as", title="same unit, other assistance, condition, limit or automatic acts")
    for rule, count in tally.terms.most_common():
        table.add_row(rule or NOBODY, str(count), ", ".join(tally.samples["terms", rule]))
    return table


def _nobody(tally: Tally) -> Table:
    table = Table("reason", "cases", "such as", title="left to a person 由人工派遣")
    for reason, count in tally.nobody.most_common():
        table.add_row(reason, str(count), ", ".join(tally.samples[reason]))
    return table


def _rules(tried: Tried) -> Table:
    table = Table("rule", "cases", title="matched 匹配")
    for name in tried.rules:
        table.add_row(name, str(tried.tally.matched[name]))
    if none := tried.tally.matched[""]:
        table.add_row("(no rule)", str(none))
    return table


def _faults(tally: Tally) -> Table:
    table = Table("rule", "attribute", "wants", "found", "cases", title="kept out by an attribute alone 属性不符")
    for (rule, fault), count in tally.faults.most_common(ROWS):
        table.add_row(rule, fault.name, fault.wanted, fault.found or "missing 缺失", str(count))
    return table


@contextmanager
def moved_csv(file: Path | None) -> Iterator[Callable[[PastCase, Moved], None]]:
    """Gives what writes a case that would move as a row of `file`; of no file, what does nothing."""
    if file is None:
        yield lambda case, how: None
        return
    with file.open("w", encoding="utf-8-sig", newline="") as opened:
        rows = csv.writer(opened)
        rows.writerow(COLUMNS)

        def row(case: PastCase, how: Moved) -> None:
            before, after = how.before, how.after
            rows.writerow(
                (
                    *(case.number, case.category, case.area, case.decided_at.isoformat(), how.change),
                    *(before.unit or "", after.unit or ""),
                    *(" ".join(before.assisting), " ".join(after.assisting)),
                    *(before.rule or "", after.rule or ""),
                )
            )

        yield row
