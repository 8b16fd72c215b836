"""Commands that start something: up, serve, migrate, token."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class ServiceName(StrEnum):
    """The four services."""

    intake = "intake"
    dispatch = "dispatch"
    evaluation = "evaluation"
    notify = "notify"


class RoleName(StrEnum):
    """Which half of a service."""

    api = "api"
    worker = "worker"
    all = "all"


def up(
    data: Annotated[Path, typer.Option(help="Folder for the database, media and credentials; made if missing.")] = Path(
        ".wangge"
    ),
    port: Annotated[int, typer.Option(help="Port of the one door to all services.", min=0, max=65535)] = 8080,
    pack: Annotated[
        str | None, typer.Option(help="Regime pack 制度包; see `wangge pack list`. Default: haidian.")
    ] = None,
    demo: Annotated[bool, typer.Option("--demo/--no-demo", help="Play real requests through the city.")] = True,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for every interface.")] = "127.0.0.1",
) -> None:
    """Run a whole city in one process: its own Postgres, all four services, no Kafka needed."""
    typer.echo("starting 启动中 …")  # the first word; what follows takes a second to load
    from services.city.up import run

    run(data, port, pack, demo, host)


def serve(
    service: Annotated[ServiceName, typer.Argument(help="Which service.")],
    role: Annotated[
        RoleName, typer.Option(help="api: requests; worker: relay, consumers, clocks; all: both.")
    ] = RoleName.all,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "0.0.0.0",
    port: Annotated[
        int, typer.Option(help="Port; a worker has only /livez and /readyz there.", min=0, max=65535)
    ] = 8080,
) -> None:
    """Run one service, or one half of it, on the database and Kafka that WANGGE_… settings name.

    Any number of each may run at once. SIGTERM finishes what has begun, then ends.
    """
    from services.city.serve import run

    run(service.value, role.value, host, port)


def migrate() -> None:
    """Bring the database's schemas up to date and create missing topics. Safe at any time, by several at once."""
    import asyncio
    import logging

    from shared import migrations
    from shared.bus.opening import open_carrier
    from shared.contracts import topics
    from shared.settings import Settings

    settings = Settings()
    applied: list[str] = []

    def tell(schema: str, revision: str) -> None:
        applied.append(revision)
        typer.echo(f"{schema}: {revision}")

    # What goes wrong is said once, in our words, not by each library on the way.
    logging.disable()
    migrations.migrate(settings.database_url, applied=tell)
    typer.echo(f"database: {len(applied)} applied" if applied else "database: already up to date")

    async def create_topics() -> None:
        carrier = open_carrier(settings)
        try:
            async with asyncio.timeout(60):
                await carrier.create_topics(topics.ALL)
        finally:
            await carrier.close()

    asyncio.run(create_topics())
    typer.echo(f"topics: {len(topics.ALL)} in place ({settings.carrier})")


def token(
    post: Annotated[str, typer.Argument(help="Post, such as acceptor 受理员 or dispatcher 派遣员.")],
    area: Annotated[
        str, typer.Option(help="Area path 区域编码 whose cases the post sees; empty: the whole city.")
    ] = "",
    unit: Annotated[str | None, typer.Option(help="Handling unit 处置单位; needed for unit_clerk.")] = None,
    subject: Annotated[str | None, typer.Option(help="Account name. Default: the post.")] = None,
    days: Annotated[int, typer.Option(help="Valid for so many days.", min=1, max=365)] = 30,
) -> None:
    """Print a development token for a post, signed with WANGGE_TOKEN_SECRET (never in production)."""
    from datetime import timedelta

    from services.city.trouble import Trouble
    from shared.auth import POSTS, issue_token
    from shared.kernel.area import AreaPath
    from shared.settings import Settings

    settings = Settings()
    if settings.token_secret is None:
        raise Trouble("set WANGGE_TOKEN_SECRET to the secret (32 characters or more) that the services run with")
    if post not in POSTS:
        raise Trouble(f"there is no post {post!r}; the posts are {', '.join(POSTS)}")
    if post == "unit_clerk" and not unit:
        raise Trouble("a unit_clerk acts for one handling unit: add --unit CODE")
    text = issue_token(
        settings.token_secret.get_secret_value(),
        subject=subject or post,
        post=post,
        area=AreaPath.parse(area) if area else "",
        unit=unit,
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        valid_for=timedelta(days=days),
    )
    typer.echo(text)
