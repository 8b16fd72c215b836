"""Every statement of the stores is one that the migrated database understands."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping

import asyncpg
import pytest

from services.dispatch import store
from services.dispatch.domain.queues import OF_POST
from services.dispatch.store import queue
from services.dispatch.store.wanted import Forms


def statements() -> dict[str, str]:
    """Each upper-case text constant of the stores; parts of statements start with `_` or end with `_PART`."""
    found: dict[str, str] = {}
    for module in pkgutil.iter_modules(store.__path__):
        for name, value in vars(importlib.import_module(f"{store.__name__}.{module.name}")).items():
            if name.isupper() and not name.startswith("_") and not name.endswith("_PART"):
                found |= {f"{module.name}.{name}{more}": text for more, text in _texts(value)}
    for post, reasons in OF_POST.items():
        found[f"queue.page of {post}"] = queue.page_sql(reasons)
        found[f"queue.counts of {post}"] = queue.count_sql(reasons)
    return found


def _texts(value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield "", value
    elif isinstance(value, Forms):
        yield from ((f".{form}", text) for form, text in value._asdict().items())
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from ((f".{key}{more}", text) for more, text in _texts(each))


@pytest.mark.parametrize("name", statements())
async def test_it_prepares(database: str, name: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        await connection.prepare(statements()[name])
    finally:
        await connection.close()
