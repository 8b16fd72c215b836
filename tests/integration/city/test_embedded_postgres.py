"""The embedded Postgres and its folder, as root and as an ordinary user."""

import asyncio
import os
import pwd
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from services.city.data_folder import locked_folder
from services.city.embedded_postgres import EmbeddedPostgres, embedded_postgres
from services.city.trouble import Trouble

ROOT = Path(__file__).resolve().parents[3]
# A process that starts the server, says so, and waits.
HOLDER = """
import asyncio, sys, pathlib
from services.city.data_folder import locked_folder
from services.city.embedded_postgres import embedded_postgres

async def hold(folder):
    with locked_folder(pathlib.Path(folder)) as locked:
        async with embedded_postgres(locked) as server:
            print(server.dsn, flush=True)
            await asyncio.sleep(600)

asyncio.run(hold(sys.argv[1]))
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's own: each session of pytest closes it to other users again, and so to Postgres' own."""
    with tempfile.TemporaryDirectory(prefix="wangge-test-") as name:
        yield Path(name)


async def _value(dsn: str, sql: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_a_second_start_finds_the_data_again(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)  # as mktemp -d and /root are: Postgres' own user could not walk through
    data = closed / "data with space"
    data.mkdir()
    async with embedded_postgres(data) as server:
        await _value(server.dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
        assert await _value(server.dsn, "SHOW synchronous_commit") == "on"
        assert await _value(server.dsn, "SHOW fsync") == "on"
    async with embedded_postgres(data) as server:
        assert await _value(server.dsn, "SELECT answer FROM kept") == 42
    assert closed.stat().st_mode & 0o007 == 0, "nobody else may enter"


async def test_a_server_that_is_killed_comes_back(folder: Path) -> None:
    async with embedded_postgres(folder) as server:
        await _value(server.dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
        stop = asyncio.Event()
        keeper = asyncio.create_task(server.keep_running(stop))
        assert server.process is not None
        server.process.kill()
        async with asyncio.timeout(30):
            while True:
                try:
                    assert await _value(server.dsn, "SELECT answer FROM kept") == 42
                    break
                except (OSError, asyncpg.PostgresError):
                    await asyncio.sleep(0.05)
        stop.set()
        await keeper


async def test_a_long_path_is_no_hindrance(folder: Path) -> None:
    data = folder / ("long" * 30)
    data.mkdir()
    async with embedded_postgres(data) as server:
        assert await _value(server.dsn, "SELECT 1") == 1


async def test_a_killed_parent_leaves_no_server_behind(folder: Path) -> None:
    holder = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HOLDER, str(folder)), cwd=ROOT, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    dsn = (await holder.stdout.readline()).decode().strip()
    assert await _value(dsn, "SELECT 1") == 1
    with pytest.raises(Trouble, match=f"in use by process {holder.pid}"), locked_folder(folder):
        pass
    holder.kill()
    await holder.wait()
    with locked_folder(folder) as locked:
        async with embedded_postgres(locked) as server:
            assert await _value(server.dsn, "SELECT 1") == 1


async def test_a_stop_while_connections_are_open_is_clean(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    await server.start()
    connection = await asyncpg.connect(server.dsn)
    await server.stop()
    assert server.process is not None
    assert server.process.returncode == 0
    connection.terminate()


def test_a_folder_that_cannot_be_written_is_one_line(folder: Path) -> None:
    (folder / "file").write_text("")
    with pytest.raises(Trouble, match="cannot be written") as trouble, locked_folder(folder / "file" / "data"):
        pass
    assert "\n" not in str(trouble.value)


async def test_an_ordinary_user_runs_it_too() -> None:
    command = [sys.executable, "-c", HOLDER]
    with tempfile.TemporaryDirectory() as name:
        if os.geteuid() == 0:
            # As nobody; reading everything, because the interpreter may lie in root's own folders.
            os.chown(name, pwd.getpwnam("nobody").pw_uid, -1)
            may_read = ("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search")
            command = ["setpriv", "--reuid", "nobody", "--clear-groups", *may_read, *command]
        holder = await asyncio.create_subprocess_exec(*command, f"{name}/data", cwd=ROOT, stdout=subprocess.PIPE)
        assert holder.stdout is not None
        dsn = (await holder.stdout.readline()).decode().strip()
        assert await _value(dsn, "SELECT 1") == 1
        assert (Path(name) / "data" / "postgres").stat().st_uid == Path(name).stat().st_uid
        holder.send_signal(signal.SIGINT)
        await holder.wait()
        assert not (Path(name) / "data" / "postgres" / "postmaster.pid").exists()
