"""What a fault is given, and what it gives back."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple

from tests.chaos.book import Book
from tests.chaos.stack import Stack


class Scene(NamedTuple):
    """Where a fault happens; `rng` is the fault's own, so that it does the same in every run of a seed."""

    stack: Stack
    book: Book
    rng: random.Random
    together: asyncio.TaskGroup
    operators: list[asyncio.Task[int]]

    def send(self, operator: Coroutine[Any, Any, int]) -> None:
        """An operator, at work while the next faults happen; returns how many records were replayed."""
        self.operators.append(self.together.create_task(operator))


Fault = Callable[[Scene], Awaitable[str]]
"""Returns what was done, for the log."""


class Impossible(Exception):
    """This fault cannot be done here; says why."""


async def pause(scene: Scene, least: float, most: float) -> None:
    await asyncio.sleep(scene.rng.uniform(least, most))
