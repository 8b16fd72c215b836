"""A frozen value with some of its fields changed."""

from typing import Any, TypeVar

T = TypeVar("T")


def changed(value: T, **fields: Any) -> T:
    """What `dataclasses.replace` does, for a dataclass without slots: 1.2 µs for a case, where `replace` takes 10.

    Bulk opening changes each case and its clocks a dozen times, which at 2,000 cases a second is a fifth of a core.
    """
    new = object.__new__(type(value))
    known = new.__dict__
    known.update(value.__dict__)
    known.update(fields)
    return new
