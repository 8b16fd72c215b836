"""Every SQL statement of intake is one that Postgres takes."""

import importlib
import pkgutil

import pytest

import services.intake.store
from tests.integration.intake.conftest import Place


def statements() -> list[tuple[str, str]]:
    found = []
    for module in pkgutil.iter_modules(services.intake.store.__path__, "services.intake.store."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if name.isupper() and isinstance(value, str) and not name.startswith("_") and not name.endswith("_PART"):
                found.append((f"{module.name.rpartition('.')[2]}.{name}", value))
    return found


@pytest.mark.parametrize(("name", "sql"), statements(), ids=[name for name, _ in statements()])
async def test_postgres_can_prepare_it(intake: Place, name: str, sql: str) -> None:
    async with intake.wired.pool.acquire() as connection:
        await connection.prepare(sql)


async def test_a_report_is_found_by_its_primary_key_alone(intake: Place) -> None:
    indexes = await intake.wired.pool.fetch(
        "SELECT indexname FROM pg_indexes WHERE schemaname = 'intake' AND tablename = 'reports'"
    )
    assert [row["indexname"] for row in indexes] == ["reports_pkey"]
