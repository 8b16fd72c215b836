"""Reading a pack's files: YAML and CSV with a commented head, every row checked, every error with its line."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from shared.packs.problems import Problem

# libyaml reads a pack in 5 ms where the pure Python loader takes 60.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Row(BaseModel):
    """One line of a table. Cells are text, so numbers are read from it; unknown columns are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


R = TypeVar("R", bound=Row)


class _Loader(_LOADER):  # type: ignore[misc, valid-type]
    """Refuses a key that is given twice: YAML's own rule, which the library leaves to its user."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:str" and key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"{key.value!r} is given twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def read_yaml(folder: Path, file: str, problems: list[Problem]) -> dict[str, Any]:
    """The mapping in `file`; empty, and a problem noted, when there is none."""
    try:
        content = (folder / file).read_bytes()
    except FileNotFoundError:
        problems.append(Problem(file, "", "the file is missing"))
        return {}
    return parse_yaml(content, file, problems)


def parse_yaml(text: bytes, file: str, problems: list[Problem]) -> dict[str, Any]:
    """The mapping that `text` holds; empty, and a problem of `file` noted, when it holds none."""
    try:
        content = yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else ""
        problems.append(Problem(file, where, f"cannot be read: {getattr(error, 'problem', None) or error}"))
        return {}
    if not isinstance(content, dict):
        problems.append(Problem(file, "/", "should be a mapping of names to values"))
        return {}
    return content


def lines(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a CSV file with their line numbers; lines before the header that begin with `#` are not data."""
    with path.open(encoding="utf-8-sig", newline="") as opened:
        head = 0
        position = opened.tell()
        while opened.readline().startswith("#"):
            head += 1
            position = opened.tell()
        opened.seek(position)
        reader = csv.DictReader(opened, restkey="(one cell too many)", restval="")
        for row in reader:
            yield head + reader.line_num, row


def read_table(folder: Path, file: str, row: type[R], problems: list[Problem]) -> list[tuple[int, R]]:
    """The rows of `file` that are right, with their line numbers; what is wrong with the others is noted."""
    if not (folder / file).is_file():
        problems.append(Problem(file, "", "the file is missing"))
        return []
    found: list[tuple[int, R]] = []
    for line, cells in lines(folder / file):
        try:
            found.append((line, row.model_validate(cells)))
        except ValidationError as error:
            problems.extend(
                Problem(file, f"line {line}, {'/'.join(map(str, e['loc']))}", e["msg"].lower())
                for e in error.errors(include_url=False)
            )
    return found
