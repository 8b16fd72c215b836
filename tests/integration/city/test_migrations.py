"""Migrations against a real Postgres: applied once, by one at a time, and told apart when old or new."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from shared import migrations


async def _check_all(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for schema in migrations.schemas():
            await migrations.check_current(connection, schema)
    finally:
        await connection.close()


async def test_an_empty_database_is_refused_with_the_command_that_mends_it(empty_database: str) -> None:
    with pytest.raises(migrations.SchemaTooOld, match="run `wangge migrate`"):
        await _check_all(empty_database)


async def test_two_migrators_at_once_apply_every_file_once(empty_database: str) -> None:
    applied: list[tuple[str, str]] = []

    def migrate() -> None:
        migrations.migrate(empty_database, applied=lambda schema, revision: applied.append((schema, revision)))

    await asyncio.gather(asyncio.to_thread(migrate), asyncio.to_thread(migrate))
    expected = [(schema, each.id) for schema in migrations.schemas() for each in migrations.revisions(schema)]
    assert applied == expected
    await _check_all(empty_database)


async def test_only_what_is_missing_is_done(empty_database: str) -> None:
    assert await migrations.bring_up_to_date(empty_database)
    assert not await migrations.bring_up_to_date(empty_database)


async def test_a_newer_schema_serves_but_is_not_migrated_by_older_code(own_database: str) -> None:
    connection = await asyncpg.connect(own_database)
    try:
        await connection.execute(
            "UPDATE intake.alembic_version SET version_num = '0999_later' WHERE version_num NOT LIKE 'bus_%'"
        )
    finally:
        await connection.close()
    await _check_all(own_database)
    with pytest.raises(migrations.MigrationFailed, match="0999_later"):
        await asyncio.to_thread(migrations.migrate, own_database)


async def test_a_file_that_fails_leaves_nothing_behind(
    empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "services" / "sample" / "migrations"
    folder.mkdir(parents=True)
    (folder / "0001_start.sql").write_text(
        "CREATE TABLE sample.kept (share int CHECK (share % 2 = 0), note text DEFAULT ':x %s');"
    )
    (folder / "0002_more.sql").write_text("CREATE TABLE sample.lost (id int);\nSELECT 1 / 0;")
    monkeypatch.setattr(migrations, "ROOT", tmp_path)
    with pytest.raises(migrations.MigrationFailed, match=r"^schema sample, 0002_more: division by zero$"):
        await asyncio.to_thread(migrations.migrate, empty_database)
    connection = await asyncpg.connect(empty_database)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'sample' ORDER BY 1")
        assert [row["tablename"] for row in tables] == ["alembic_version", "kept"]
        with pytest.raises(migrations.SchemaTooOld, match="0002_more"):
            await migrations.check_current(connection, "sample")
        (folder / "0002_more.sql").write_text("CREATE TABLE sample.found (id int);")
        await asyncio.to_thread(migrations.migrate, empty_database)
        await migrations.check_current(connection, "sample")
    finally:
        await connection.close()


async def test_a_lock_held_for_a_while_only_delays_a_migration(
    empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "services" / "sample" / "migrations"
    folder.mkdir(parents=True)
    (folder / "0001_start.sql").write_text("CREATE TABLE sample.busy (id int);")
    monkeypatch.setattr(migrations, "ROOT", tmp_path)
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT", "100ms")
    await asyncio.to_thread(migrations.migrate, empty_database)
    (folder / "0002_more.sql").write_text("ALTER TABLE sample.busy ADD COLUMN note text;")
    connection = await asyncpg.connect(empty_database)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE sample.busy IN ACCESS SHARE MODE")
            migration = asyncio.create_task(asyncio.to_thread(migrations.migrate, empty_database))
            await asyncio.sleep(0.4)
            assert not migration.done()
        await migration
        await migrations.check_current(connection, "sample")
    finally:
        await connection.close()


async def test_an_unreachable_database_is_one_line() -> None:
    with pytest.raises(migrations.MigrationFailed) as failure:
        await asyncio.to_thread(migrations.migrate, "postgresql://wangge@127.0.0.1:1/wangge")
    assert "\n" not in str(failure.value)
    assert "127.0.0.1" in str(failure.value)


def test_a_misnamed_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "services" / "sample" / "migrations"
    folder.mkdir(parents=True)
    (folder / "0002_second.sql").write_text("SELECT 1;")
    monkeypatch.setattr(migrations, "ROOT", tmp_path)
    with pytest.raises(ValueError, match="expected migration number 0001"):
        migrations.revisions("sample")
