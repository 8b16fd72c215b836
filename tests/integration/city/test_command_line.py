"""The command line against real servers: what works, and the one line that expected trouble becomes."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.main import get_command

from deploy.kafka.broker import free_port
from services.city.cli.commands import app
from services.city.parts import SERVICES

ROOT = Path(__file__).resolve().parents[3]


async def _start(*arguments: str, **settings: str) -> Process:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANGGE_")}
    command = (sys.executable, "-m", "services.city", *arguments)
    return await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=environment | {"COLUMNS": "200"} | settings, stdout=PIPE, stderr=PIPE
    )


async def wangge(*arguments: str, **settings: str) -> tuple[int | None, str, str]:
    """Exit status, standard output, standard error."""
    process = await _start(*arguments, **settings)
    async with asyncio.timeout(90):
        output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()


async def refused(*arguments: str, **settings: str) -> str:
    """The line that `wangge` ends with when it will not."""
    status, _, errors = await wangge(*arguments, **settings)
    lines = errors.strip().splitlines()
    assert status == 1, errors
    assert len(lines) == 1, errors
    assert lines[0].startswith("wangge: ")
    return lines[0].removeprefix("wangge: ")


async def test_a_taken_port_is_said_before_anything_is_started(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        line = await refused("up", "--data", str(tmp_path / "data"), "--port", str(port))
    assert line.startswith(f"port {port} on 127.0.0.1 cannot be used (Address already in use)")
    assert not (tmp_path / "data" / "postgres").exists()


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = await refused("up", "--data", str(tmp_path / "file" / "data"), "--port", "0")
    assert "cannot be written (Not a directory): name another" in line


async def test_an_unknown_pack(tmp_path: Path) -> None:
    line = await refused("up", "--data", str(tmp_path / "data"), "--port", "0", "--pack", "atlantis")
    assert "atlantis" in line
    assert "haidian" in line


async def test_a_database_that_is_away() -> None:
    away = {"WANGGE_DATABASE_URL": f"postgresql://wangge@127.0.0.1:{free_port()}/wangge"}
    commands = (["migrate"], ["parked", "list"], ["keys", "list"], ["rebuild", "evaluation"], ["rebuild", "dispatch"])
    for line in await asyncio.gather(*(refused(*command, **away) for command in commands)):
        assert "WANGGE_DATABASE_URL" in line


async def test_a_kafka_that_is_away(own_database: str) -> None:
    settings = {"WANGGE_DATABASE_URL": own_database, "WANGGE_CARRIER": "kafka"}
    line = await refused("migrate", **settings, WANGGE_KAFKA_BOOTSTRAP=f"127.0.0.1:{free_port()}")
    assert "make kafka" in line


async def test_an_old_schema_is_not_served(empty_database: str) -> None:
    serving = (refused("serve", name, "--port", "0", WANGGE_DATABASE_URL=empty_database) for name in SERVICES)
    for line in await asyncio.gather(*serving):
        assert line.endswith("run `wangge migrate`")


async def test_a_setting_that_makes_no_sense_is_named(database: str) -> None:
    line = await refused("serve", "intake", WANGGE_DATABASE_URL=database, WANGGE_POOL_SIZE="many")
    assert line.startswith("WANGGE_POOL_SIZE: ")
    secret = {"WANGGE_TOKEN_SECRET": "s" * 32, "WANGGE_ENVIRONMENT": "production"}
    assert "unset it" in await refused("serve", "intake", WANGGE_DATABASE_URL=database, **secret)


async def test_migrate_says_what_it_did_and_may_be_repeated(empty_database: str) -> None:
    status, first, errors = await wangge("migrate", WANGGE_DATABASE_URL=empty_database)
    assert status == 0, errors
    assert "intake: 0001_start" in first
    assert "topics: 8 in place (embedded)" in first
    status, second, _ = await wangge("migrate", WANGGE_DATABASE_URL=empty_database)
    assert status == 0
    assert "database: already up to date" in second


async def test_migrate_creates_the_topics_on_kafka(own_database: str, kafka_bootstrap: str) -> None:
    settings = {
        "WANGGE_DATABASE_URL": own_database,
        "WANGGE_CARRIER": "kafka",
        "WANGGE_KAFKA_BOOTSTRAP": kafka_bootstrap,
    }
    status, output, errors = await wangge("migrate", **settings)
    assert status == 0, errors
    assert "topics: 8 in place (kafka)" in output


@pytest.mark.parametrize("role", ["api", "worker", "all"])
async def test_a_service_answers_and_ends_cleanly(database: str, role: str, tmp_path: Path) -> None:
    port = free_port()
    settings = {"WANGGE_DATABASE_URL": database, "WANGGE_DATA_DIR": str(tmp_path)}
    process = await _start(
        "serve", "evaluation", "--role", role, "--host", "127.0.0.1", "--port", str(port), **settings
    )
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http, asyncio.timeout(30):
        while True:
            try:
                ready = await http.get("/readyz")
            except httpx.TransportError:
                await asyncio.sleep(0.1)
                continue
            if ready.status_code == 200:
                break
            await asyncio.sleep(0.1)
        openapi = await http.get("/evaluation/openapi.json")
        assert openapi.status_code == (404 if role == "worker" else 200)
        process.send_signal(signal.SIGTERM)
        _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()


async def test_a_key_is_issued_listed_rotated_and_revoked(own_database: str, tmp_path: Path) -> None:
    settings = {"WANGGE_DATABASE_URL": own_database, "WANGGE_DATA_DIR": str(tmp_path)}
    limits = ("--rate", "20", "--daily", "5000", "--area", "110108.011", "--area", "110108.012")
    status, key, errors = await wangge("keys", "create", "City app", "--action", "reports:create", *limits, **settings)
    assert status == 0, errors
    assert key.startswith("wg_")
    assert "cases:destroy" in await refused("keys", "create", "City app", "--action", "cases:destroy", **settings)
    _, listed, _ = await wangge("keys", "list", **settings)
    assert "City app" in listed
    assert key.strip() not in listed
    key_id = next(word for word in listed.split() if word in key and len(word) > 5)
    status, rotated, errors = await wangge("keys", "rotate", key_id, "--overlap", "2", **settings)
    assert status == 0, errors
    assert rotated.startswith("wg_")
    assert rotated != key
    assert "opens until" in errors
    assert "took the place" in await refused("keys", "rotate", key_id, **settings)
    _, listed, _ = await wangge("keys", "list", **settings)
    assert {rotated.split("_")[1], key_id} <= set(listed.split())
    status, _, errors = await wangge("keys", "revoke", key_id, **settings)
    assert status == 0, errors
    assert "was revoked at" in await refused("keys", "revoke", key_id, **settings)


async def test_areas_are_imported_or_refused_as_a_whole(own_database: str, tmp_path: Path) -> None:
    settings = {"WANGGE_DATABASE_URL": own_database, "WANGGE_DATA_DIR": str(tmp_path)}
    file = tmp_path / "areas.csv"
    head = "path,name,level,geometry\n"
    rows = "110108,District,district,\n110108.001,Street,street,\n110108.001.001,Community,community,\n"
    square = '110108.001.001.00{n},Grid {n},grid,"POLYGON (({x} 40, {y} 40, {y} 40.01, {x} 40.01, {x} 40))"\n'
    file.write_text(head + rows + square.format(n=1, x=116, y=116.01) + square.format(n=2, x=116.005, y=116.015))
    assert "110108.001.001.00" in await refused("areas", "import", str(file), **settings)
    file.write_text(head + rows + square.format(n=1, x=116, y=116.01) + square.format(n=2, x=116.01, y=116.02))
    status, output, errors = await wangge("areas", "import", str(file), **settings)
    assert status == 0, errors
    assert "areas: 5 defined, 0 as before, 0 retired" in output
    assert "No such file" in await refused("areas", "import", str(tmp_path / "none.csv"), **settings)
    assert "one of the two" in await refused("areas", "import", **settings)


async def test_tokens_are_for_development_and_for_posts_that_exist() -> None:
    assert "WANGGE_TOKEN_SECRET" in await refused("token", "acceptor")
    secret = {"WANGGE_TOKEN_SECRET": "s" * 32}
    assert "acceptor" in await refused("token", "emperor", **secret)
    assert "--unit" in await refused("token", "unit_clerk", **secret)
    status, token, _ = await wangge("token", "acceptor", "--area", "110108", **secret)
    assert status == 0
    assert token.count(".") == 2


async def test_nothing_parked_and_nothing_to_rebuild(own_database: str, tmp_path: Path) -> None:
    settings = {"WANGGE_DATABASE_URL": own_database, "WANGGE_DATA_DIR": str(tmp_path)}
    _, output, _ = await wangge("parked", "list", **settings)
    assert "nothing is parked" in output
    assert "no parked record 7" in await refused("parked", "drop", "dispatch", "7", **settings)
    status, output, errors = await wangge("rebuild", "evaluation", **settings)
    assert status == 0, errors
    assert "0 facts of 0 cases counted anew" in output
    status, output, errors = await wangge("rebuild", "dispatch", **settings)
    assert status == 0, errors
    assert "0 counters put right" in output


def test_every_command_explains_itself() -> None:
    def explained(command: Any) -> None:
        assert command.help, command.name
        for parameter in command.params:
            assert parameter.name == "help" or parameter.help, f"{command.name}: {parameter.name}"
        for below in getattr(command, "commands", {}).values():
            explained(below)

    explained(get_command(app))
