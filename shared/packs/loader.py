"""Packs by name, out of the folders beside this file. What is wrong is said all at once, with file and line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from pydantic import Field, TypeAdapter, ValidationError

from shared.packs.model import Pack, Text
from shared.packs.problems import BadPack, Problem, problems_of
from shared.packs.references import dangling
from shared.packs.routing import FILE as ROUTING
from shared.packs.routing_references import check_rules
from shared.packs.tables import Row, read_table, read_yaml

PACKS = Path(__file__).parent
CATALOGUE, LOCAL, CODES = "catalogue.csv", "catalogue-local.csv", "codes.csv"
"""The standard's categories, the city's own additions to them, and what other standards call either."""
_NAMES = TypeAdapter(dict[str, Text])


class CatalogueRow(Row):
    """One filing condition of one category. `source` says whose limit it is. The columns after it may be left out:
    `standard` is what the code is of, `from` and `until` the days it is in effect, `instead` what to report then.
    """

    code: str
    kind: str
    dept: str
    zh: str
    en: str
    condition: str
    amount: int
    unit: str
    source: str
    standard: str = ""
    begins: str = Field("", alias="from")
    until: str = ""
    instead: str = ""


class CodeRow(Row):
    """A code of another standard, and the category that it means. `note` says how that is known."""

    standard: str
    kind: str
    code: str
    category: str
    note: str


class UnitRow(Row):
    code: str
    dept: str
    area: str
    zh: str
    en: str


def available(folder: Path = PACKS) -> list[str]:
    """The names that `load` knows."""
    return sorted(path.parent.name for path in folder.glob("*/pack.yaml"))


def load(name: str, folder: Path = PACKS) -> Pack:
    """Read and check the pack `name`. Raises BadPack with every problem found. Takes 40 ms: keep what it returns."""
    names = available(folder)
    if name not in names:
        raise BadPack(name, [Problem(str(folder / name), "", f"no such pack; there are: {', '.join(names)}")])
    problems: list[Problem] = []
    parts = read_yaml(folder, f"{name}/pack.yaml", problems)
    conditions = _condition_names(f"{name}/pack.yaml", parts.pop("condition_names", {}), problems)
    parts |= {"name": name, "folder": str(folder)}
    parts["calendar"] = read_yaml(folder, f"{name}/calendar.yaml", problems)
    calendars = _area_calendars(folder, name, parts, problems)
    parts["units"] = _units(folder, f"{name}/units.csv", problems)
    categories: dict[str, Any] = {}
    standard = parts.pop("catalogue_standard", None)
    for file in (CATALOGUE, LOCAL) if (folder / name / LOCAL).is_file() else (CATALOGUE,):
        _categories(folder, f"{name}/{file}", standard, conditions, categories, problems)
    if (folder / name / CODES).is_file():
        _codes(folder, f"{name}/{CODES}", categories, problems)
    parts["categories"] = categories
    parts["routing"] = _text(folder, f"{name}/{ROUTING}", problems)
    if problems:
        raise BadPack(name, problems)
    try:
        # By way of JSON: strict about types there, yet a date is a string and a tuple an array.
        pack = Pack.model_validate_json(orjson.dumps(parts, option=orjson.OPT_NON_STR_KEYS))
    except ValidationError as error:
        found = problems_of(error, f"{name}/pack.yaml")
        raise BadPack(name, [_placed(name, problem, calendars) for problem in found]) from None
    except orjson.JSONEncodeError as error:
        raise BadPack(name, [Problem(f"{name}/pack.yaml", "/", str(error))]) from None
    problems += dangling(pack)
    check_rules(pack.routing.encode(), f"{name}/{ROUTING}", pack, problems)
    if problems:
        raise BadPack(name, problems)
    return pack


def _text(folder: Path, file: str, problems: list[Problem]) -> str:
    try:
        return (folder / file).read_text(encoding="utf-8")
    except FileNotFoundError:
        problems.append(Problem(file, "", "the file is missing"))
    except UnicodeDecodeError as error:
        problems.append(Problem(file, "", f"is not UTF-8 text: {error.reason} at byte {error.start}"))
    return ""


def _units(folder: Path, file: str, problems: list[Problem]) -> dict[str, Any]:
    units: dict[str, Any] = {}
    for line, row in read_table(folder, file, UnitRow, problems):
        if row.code in units:
            problems.append(Problem(file, f"line {line}, code", f"{row.code} is already a unit"))
        units[row.code] = {"code": row.code, "dept": row.dept, "area": row.area, "name": {"zh": row.zh, "en": row.en}}
    return units


def _categories(
    folder: Path,
    file: str,
    standard: str | None,
    conditions: dict[str, Text],
    categories: dict[str, Any],
    problems: list[Problem],
) -> None:
    """Add the categories of one table; `standard` is that of lines that name none."""
    for line, row in read_table(folder, file, CatalogueRow, problems):
        name = _condition_name(row.condition, conditions)
        if name is None:
            where = f"line {line}, condition"
            problems.append(Problem(file, where, f"{row.condition!r} has no name under condition_names in pack.yaml"))
            continue
        first: dict[str, Any] = {
            "code": row.code,
            "kind": row.kind,
            "dept": row.dept,
            "name": {"zh": row.zh, "en": row.en},
        }
        first |= {"standard": row.standard or standard, "instead": row.instead or None}
        first |= {"from": row.begins or None, "until": row.until or None}
        category = categories.setdefault(row.code, first | {"conditions": [], "codes": []})
        if any(category[key] != value for key, value in first.items()):
            problems.append(Problem(file, f"line {line}, code", f"{row.code} stands for something else further up"))
        if any(c["key"] == row.condition for c in category["conditions"]):
            problems.append(Problem(file, f"line {line}, condition", f"{row.code} already has {row.condition!r}"))
        limit = {"amount": row.amount, "unit": row.unit}
        category["conditions"].append({"key": row.condition, "name": name, "limit": limit, "source": row.source})


def _codes(folder: Path, file: str, categories: dict[str, Any], problems: list[Problem]) -> None:
    seen: dict[tuple[str, str, str], int] = {}
    for line, row in read_table(folder, file, CodeRow, problems):
        key = (row.standard, row.kind, row.code)
        if key in seen:
            problems.append(Problem(file, f"line {line}, code", f"{':'.join(key)} is on line {seen[key]} already"))
        elif row.category not in categories:
            message = f"there is no category {row.category!r} in the catalogue"
            problems.append(Problem(file, f"line {line}, category", message))
        else:
            other = {"standard": row.standard, "kind": row.kind, "code": row.code, "note": row.note}
            categories[row.category]["codes"].append(other)
        seen.setdefault(key, line)


def _area_calendars(folder: Path, name: str, parts: dict[str, Any], problems: list[Problem]) -> dict[str, str]:
    """Put the calendars that areas name into `parts`: what such a file leaves out is as in the city's own calendar.

    Returns the file of each area.
    """
    files: dict[str, str] = {}
    areas = parts.get("areas")
    for area, rules in areas.items() if isinstance(areas, dict) else ():
        if not isinstance(rules, dict) or not isinstance(rules.get("calendar"), str):
            continue
        files[area] = file = f"{name}/{Path(rules['calendar']).name}"
        own = read_yaml(folder, file, problems)
        if own and "version" not in own:
            problems.append(Problem(file, "/version", "field required: a calendar of an area has a version of its own"))
        rules["calendar"] = parts["calendar"] | own
    return files


def _condition_names(file: str, names: object, problems: list[Problem]) -> dict[str, Text]:
    try:
        return _NAMES.validate_python(names)
    except ValidationError as error:
        problems.extend(problems_of(error, file, "/condition_names"))
        return {}


def _condition_name(key: str, names: dict[str, Text]) -> dict[str, str] | None:
    """`damaged_2` is the second condition of a category that the key `damaged` fits."""
    stem, _, number = key.rpartition("_")
    if key in names:
        return {"zh": names[key].zh, "en": names[key].en}
    if stem in names and number.isdecimal():
        return {"zh": f"{names[stem].zh}（{number}）", "en": f"{names[stem].en} ({number})"}
    return None


def _placed(name: str, problem: Problem, calendars: Mapping[str, str]) -> Problem:
    """The same problem, in the file that this part of the pack is read from."""
    parts = [("calendar", "calendar.yaml"), ("units", "units.csv"), ("categories", "catalogue.csv")]
    files = [(part, f"{name}/{file}") for part, file in parts]
    files += [(f"areas/{area}/calendar", file) for area, file in calendars.items()]
    for part, file in files:
        if f"{problem.where}/".startswith(f"/{part}/"):
            return problem._replace(file=file, where=problem.where.removeprefix(f"/{part}") or "/")
    return problem
