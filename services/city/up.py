"""`wangge up`: a whole city in one process, on its own Postgres and the embedded carrier."""

import asyncio
import json
import secrets
import shlex
import socket
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from services.city import credentials, furnish, landing
from services.city.data_folder import locked_folder
from services.city.demo_components import demo_components
from services.city.embedded_postgres import EmbeddedPostgres, embedded_postgres
from services.city.house import house
from services.city.parts import SERVICES, Part, part
from services.city.serving import bind, serve_until, stop_on_signals
from services.city.shell import write_shell
from services.city.trouble import Trouble
from shared import telemetry
from shared.auth.accounts import public_pem, read_private_key
from shared.bus.opening import open_carrier
from shared.contracts import topics
from shared.jobs import Job
from shared.logs import start_logging
from shared.migrations import bring_up_to_date
from shared.packs import Pack, load

# Each of the four pools grows when it has to, to this and a few connections that jobs keep. Postgres allows 60.
POOL_SIZE = 8


def run(data: Path, port: int, pack: str | None = None, demo: bool = True, host: str = "127.0.0.1") -> None:
    """Run until Ctrl-C or SIGTERM. Raises Trouble for what a person can put right."""
    import uvloop

    with closing(bind(host, port)) as door, locked_folder(data) as folder:
        uvloop.run(_city(folder, door, pack, demo))


async def _city(folder: Path, door: socket.socket, pack_name: str | None, demo: bool) -> None:
    began = time.monotonic()
    stop = stop_on_signals()
    pack = _pack(folder, pack_name)
    base = f"http://127.0.0.1:{door.getsockname()[1]}"
    print(f"Wangge 网格 · {pack.title.zh} {pack.title.en} · data in {folder}", flush=True)
    async with AsyncExitStack() as until_the_end:
        with _step("Postgres 数据库"):
            server = await until_the_end.enter_async_context(embedded_postgres(folder))
        settings = _settings(folder, server.dsn, pack.name)
        common = settings["intake"]
        start_logging(common.log_format, "warning" if common.log_level == "info" else common.log_level)
        telemetry.start(common, "city")
        until_the_end.callback(telemetry.stop)
        carrier = open_carrier(common)
        until_the_end.push_async_callback(carrier.close)
        with _step("tables 数据表"):
            await bring_up_to_date(server.dsn)
            await carrier.create_topics(topics.ALL)
        parts = [part(name) for name in SERVICES]
        wired = {p.name: await until_the_end.enter_async_context(p.wire(settings[p.name], carrier)) for p in parts}
        with _step("areas 区域"):
            await furnish.define_areas(wired["intake"], pack, folder)
        if demo:
            with _step("components 部件"):
                await demo_components(wired["intake"], pack)
        key = await furnish.fresh_key(wired["intake"], pack, folder)
        issued = credentials.issue(common, key, area=pack.area, units=pack.units)
        issued.write(folder / "credentials.json")
        _write_urls(folder, base)
        write_shell(folder, base, common)
        jobs = _jobs(parts, wired, server)
        if demo:
            jobs.append(_demo(base, issued, pack))
        app = house(
            {p.name: p.create_app(wired[p.name]) for p in parts},
            {p.name: wired[p.name].readiness for p in parts},
            landing.routes(wired["notify"], pack, base, demo=demo),
        )

        def ready() -> None:
            _tell(folder, base, pack, demo, time.monotonic() - began)

        await serve_until(stop, app, door, jobs, common, ready=ready)
    print("stopped; the next start finds everything again 已停止，数据已保存", flush=True)


def _pack(folder: Path, name: str | None) -> Pack:
    """The pack asked for; later starts stay with the one that the data folder began with. Raises Trouble."""
    note = folder / "pack"
    kept = note.read_text(encoding="utf-8").strip() if note.exists() else None
    if kept and name and kept != name:
        raise Trouble(f"the data in {folder} are of pack {kept}: name another folder for {name}, make run DATA=…")
    pack = load(kept or name or "haidian")
    note.write_text(pack.name + "\n", encoding="utf-8")
    return pack


def _settings(folder: Path, dsn: str, pack: str) -> dict[str, Any]:
    """Each service's settings: the same database, this folder, a secret for development tokens that is fresh at every
    start, and the folder's own key for those of built-in accounts, which is made once.
    """
    accounts_key = credentials.accounts_key(folder)
    common: dict[str, Any] = {
        "environment": "development",
        "database_url": dsn,
        "carrier": "embedded",
        "pool_size": POOL_SIZE,
        "pack": pack,
        "data_dir": folder,
        "token_secret": SecretStr(secrets.token_urlsafe(48)),
        "accounts_public_key": public_pem(read_private_key(accounts_key).public_key()),
    }
    own: dict[str, dict[str, Any]] = {"dispatch": {"accounts_key_file": accounts_key}}
    return {name: part(name).settings(**common, **own.get(name, {})) for name in SERVICES}


def _jobs(parts: list[Part], wired: dict[str, Any], server: EmbeddedPostgres) -> list[Job]:
    jobs = [Job("postgres", server.keep_running)]
    for p in parts:
        jobs += [Job(f"{p.name}: {job.name}", job.run) for job in p.api_jobs(wired[p.name])]
        jobs += [Job(f"{p.name}: {job.name}", job.run) for job in p.worker_jobs(wired[p.name])]
    return jobs


def _demo(base: str, issued: credentials.Credentials, pack: Pack) -> Job:
    from services.city.robots import demo

    async def play(stop: asyncio.Event) -> None:
        await demo(base, issued, pack, stop)

    return Job("robot city", play)


def _write_urls(folder: Path, base: str) -> None:
    urls: dict[str, Any] = {"base": base, **{name: f"{base}/{name}" for name in SERVICES}}
    urls |= {"stream": f"{base}/notify/v1/stream", "docs": {name: f"{base}/{name}/docs" for name in SERVICES}}
    (folder / "urls.json").write_text(json.dumps(urls, indent=2) + "\n", encoding="utf-8")


def _tell(folder: Path, base: str, pack: Pack, demo: bool, seconds: float) -> None:
    print(
        f"""ready in {seconds:.1f} s 已就绪

  {base}/                     what is running, and cases as they happen 运行状况与实时案卷
  {base}/intake/docs          take in reports 上报      {base}/dispatch/docs   the desks 案卷
  {base}/evaluation/docs      scores 评价              {base}/notify/docs     streams 推送
  {folder}/credentials.json   the app's key, and a token for each post 凭证

Watch from another shell 在另一终端观看:
  . {shlex.quote(str(folder / "env.sh"))}
  curl -N -H "$(AS subscriber)" "$CITY/notify/v1/stream?area={pack.area}"
""",
        flush=True,
    )
    if demo:
        print(f"{pack.demo.note.en}\n{pack.demo.note.zh}\n\nCtrl-C stops everything 按 Ctrl-C 停止", flush=True)


@contextmanager
def _step(what: str) -> Iterator[None]:
    began = time.monotonic()
    print(f"  {what} …", end="", flush=True)
    yield
    print(f" {time.monotonic() - began:.1f} s", flush=True)
