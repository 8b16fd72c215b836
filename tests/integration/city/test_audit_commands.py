"""`wangge audit …` against a real database: what it says, and its exit status."""

import base64
from pathlib import Path
from uuid import UUID

from shared.postgres import transaction
from tests.integration.city.test_command_line import refused, wangge
from tests.integration.dispatch.conftest import AUDIT_KEY, own_database_city


async def test_the_trail_is_verified_tampered_with_and_named(postgres_dsn: str, tmp_path: Path) -> None:
    async for city in own_database_city(postgres_dsn):
        dsn = city.wired.settings.database_url
        settings = {
            "WANGGE_DATABASE_URL": dsn,
            "WANGGE_AUDIT_KEY": AUDIT_KEY,
            "WANGGE_AUDIT_ANCHOR_DIR": str(tmp_path / "copy"),
        }
        case = await city.until("filed")
        status, output, errors = await wangge("audit", "checkpoint", **settings)
        assert status == 0, errors
        assert "checkpoint 1 of 3 rows of 1 cases" in output
        status, output, errors = await wangge("audit", "verify", "--anchor", str(tmp_path / "copy"), **settings)
        assert (status, errors) == (0, "")
        assert "3 rows of 1 cases, 1 checkpoints, 1 of them outside: all as they were written 校验通过" in output
        _, public, _ = await wangge("audit", "public-key", **settings)
        without = {"WANGGE_DATABASE_URL": dsn, "WANGGE_DATA_DIR": str(tmp_path / "none")}
        status, output, errors = await wangge("audit", "verify", "--public-key", public.strip(), **without)
        assert status == 0, errors
        assert "rows were not computed again" in output

        status, _, errors = await wangge("audit", "verify", **without)
        assert status == 2
        assert "set WANGGE_AUDIT_KEY" in errors
        assert not (tmp_path / "none").exists()
        other = base64.b64encode(bytes(32)).decode()
        status, _, errors = await wangge("audit", "verify", **without, WANGGE_AUDIT_KEY=other)
        assert status == 2
        assert "3 rows cannot be checked without their key" in errors
        status, _, errors = await wangge("audit", "verify", "--case", "XX1", **settings)
        assert status == 2
        assert "there is no case with the number 'XX1'" in errors

        async with transaction(city.wired.pool) as tx:
            await tx.execute("SET LOCAL session_replication_role = replica")
            await tx.execute("UPDATE dispatch.timeline SET actor = 'x' WHERE version = 2")
            await tx.execute("DELETE FROM dispatch.audit_checkpoints")
            await tx.execute("DELETE FROM dispatch.audit_entries")
        status, output, _ = await wangge("audit", "verify", "--anchor", str(tmp_path / "copy"), **settings)
        assert status == 1
        assert f"✗ case {case['number']} ({case['id']}): row 2 was edited, or forged without the key" in output
        assert f"案卷{case['number']} ({case['id']}): 第2条记录被修改或伪造" in output
        assert "the outside copy has checkpoint 1 (of 3 rows in all) and the database has not" in output
        assert "2 findings 发现2处" in output
        status, output, _ = await wangge("audit", "verify", "--case", case["number"], **settings)
        assert (status, output.count("✗")) == (1, 1)


async def test_old_rows_are_sealed_by_a_command(postgres_dsn: str, tmp_path: Path) -> None:
    async for city in own_database_city(postgres_dsn):
        settings = {"WANGGE_DATABASE_URL": city.wired.settings.database_url, "WANGGE_AUDIT_KEY": AUDIT_KEY}
        case = await city.until("filed")
        async with transaction(city.wired.pool) as tx:
            await tx.execute("SET LOCAL session_replication_role = replica")
            await tx.execute("UPDATE dispatch.timeline SET mac = NULL")
            await tx.execute("UPDATE dispatch.cases SET head = NULL WHERE id = $1", UUID(case["id"]))
        status, output, _ = await wangge("audit", "verify", **settings)
        assert status == 0
        assert "3 rows are older than the chain" in output
        status, output, errors = await wangge("audit", "seal-old", **settings)
        assert status == 0, errors
        assert "3 rows of 1 cases sealed, checkpoint 1" in output
        status, output, _ = await wangge("audit", "verify", **settings)
        assert (status, "older" in output) == (0, False)


async def test_a_production_without_its_key_does_not_start(database: str, tmp_path: Path) -> None:
    line = await refused(
        "serve",
        "dispatch",
        "--port",
        "0",
        WANGGE_DATABASE_URL=database,
        WANGGE_DATA_DIR=str(tmp_path),
        WANGGE_ENVIRONMENT="production",
    )
    assert line.startswith("WANGGE_AUDIT_KEY is needed in production")


async def test_a_database_that_is_away_cannot_be_checked() -> None:
    away = "postgresql://wangge@127.0.0.1:1/wangge"
    status, _, errors = await wangge("audit", "verify", WANGGE_DATABASE_URL=away, WANGGE_AUDIT_KEY=AUDIT_KEY)
    assert status == 2
    assert "WANGGE_DATABASE_URL" in errors
