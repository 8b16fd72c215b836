"""What a row of the bench finds: figures with their spread, and whether each reached what it must."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


class BenchTrouble(Exception):
    """One line that says what is missing or failed, and what to do."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One quantity, measured in several rounds. `target` is what it must reach, as a sentence; `reached` whether."""

    name: str
    unit: str
    samples: list[float]
    target: str = ""
    reached: bool | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def spread(self) -> tuple[float, float]:
        return min(self.samples), max(self.samples)


@dataclass(frozen=True, slots=True)
class Result:
    """A row's figures, and what has to be known to read them. `day` is that of its run: rows may be run one by one."""

    row: str
    title: str
    figures: list[Figure]
    notes: list[str] = field(default_factory=list)
    holds: str = ""
    seconds: float = 0.0
    load: float = 0.0
    day: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> "Result":
        return cls(**found | {"figures": [Figure(**each) for each in found["figures"]]})


def at_least(name: str, unit: str, samples: Sequence[float], least: float) -> Figure:
    """A figure whose median must be `least` or more."""
    return Figure(name, unit, list(samples), f"≥ {least:g}", statistics.median(samples) >= least)


def at_most(name: str, unit: str, samples: Sequence[float], most: float) -> Figure:
    """A figure whose median must be `most` or less."""
    return Figure(name, unit, list(samples), f"≤ {most:g}", statistics.median(samples) <= most)


def ratios(ours: Sequence[float], reference: Sequence[float]) -> list[float]:
    """Round by round, for rounds that followed each other: what slows the machine slows both."""
    return [a / b for a, b in zip(ours, reference, strict=True)]


def quantile(samples: Sequence[float], share: float) -> float:
    """The sample below which `share` of them lie."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
