"""What is wrong with a pack, said so that it can be found: file, line or path, and what would be right."""

from collections.abc import Iterable
from typing import NamedTuple

from pydantic import ValidationError


class Problem(NamedTuple):
    """One bad value. `where` is a JSON pointer into the file (`/calendar/slots/0`) or, in a table, `line 7, amount`."""

    file: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.file} {self.where}".rstrip() + f": {self.message}"


class BadPack(Exception):
    """A pack cannot be used; `problems` lists every reason that was found, not only the first."""

    def __init__(self, name: str, problems: Iterable[Problem]) -> None:
        self.name = name
        self.problems = list(problems)
        super().__init__("\n  ".join([f"pack {name!r} cannot be used:", *map(str, self.problems)]))


def problems_of(error: ValidationError, file: str, prefix: str = "") -> list[Problem]:
    """Pydantic's findings as problems of `file`; `prefix` is the pointer of the part that was read."""
    found = error.errors(include_url=False)
    # A list whose items are wrong is also reported as too short: that says nothing new.
    places = [f["loc"] for f in found]
    echoes = [f["type"] == "too_short" and any(p[: len(f["loc"])] == f["loc"] != p for p in places) for f in found]
    return [
        Problem(file, prefix + "".join(f"/{part}" for part in f["loc"]) or "/", _sentence(f["type"], f["msg"]))
        for f, echo in zip(found, echoes, strict=True)
        if not echo
    ]


def _sentence(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "no such field; remove it or correct its name"
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
