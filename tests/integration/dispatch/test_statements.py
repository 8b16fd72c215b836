"""Every statement of the stores is one that the migrated database understands."""

import importlib
import pkgutil

import asyncpg
import pytest

from services.dispatch import store


def statements() -> dict[str, str]:
    """Each upper-case text constant of the stores; parts of statements start with `_` or end with `_PART`."""
    found = {}
    for module in pkgutil.iter_modules(store.__path__):
        for name, value in vars(importlib.import_module(f"{store.__name__}.{module.name}")).items():
            if name.isupper() and isinstance(value, str) and not name.startswith("_") and not name.endswith("_PART"):
                found[f"{module.name}.{name}"] = value
    return found


@pytest.mark.parametrize("name", statements())
async def test_it_prepares(database: str, name: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        await connection.prepare(statements()[name])
    finally:
        await connection.close()
