"""What is not as it must be."""

from collections.abc import Iterable
from typing import NamedTuple


class Finding(NamedTuple):
    """`point` is the number of the promise, `number` how often it was broken."""

    point: int
    what: str
    examples: tuple[str, ...]
    number: int

    def __str__(self) -> str:
        return f"{self.point}. {self.what}: {', '.join(self.examples)}"


def finding(point: int, what: str, examples: Iterable[object]) -> list[Finding]:
    """One, if there are examples of it."""
    found = [str(each) for each in examples]
    if not found:
        return []
    more = (f"… {len(found)} in all",) if len(found) > 3 else ()
    return [Finding(point, what, (*found[:3], *more), len(found))]
