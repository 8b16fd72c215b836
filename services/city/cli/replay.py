"""`wangge replay`: real requests through a running city, with a progress bar and a sum of what became of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from services.city.credentials import Credentials
    from services.city.robots import Summary


def replay(
    file: Annotated[Path, typer.Argument(help="CSV of 311 requests, such as shared/packs/nyc-311/requests.csv.")],
    url: Annotated[str, typer.Option(help="Where the city answers.")] = "http://127.0.0.1:8080",
    credentials: Annotated[
        Path, typer.Option(help="credentials.json of the city, or the data folder it lies in.")
    ] = Path(".wangge"),
    limit: Annotated[int | None, typer.Option(help="Play only the first so many requests.", min=1)] = None,
    pace: Annotated[
        float | None, typer.Option(help="Reports a second; without it, as fast as they are answered.", min=0.01)
    ] = None,
    pack: Annotated[
        str, typer.Option(help="The regime pack 制度包 that the city runs; see `wangge pack list`.")
    ] = "haidian",
    patience: Annotated[float, typer.Option(help="Give up when nothing has moved for so many seconds.", min=1)] = 120.0,
) -> None:
    """Post real requests to a running city, and let robots carry each case to closure 机器人城市回放.

    Exit status 0: every report that was accepted came to its end. What was refused is listed with its reasons.
    """
    import uvloop

    from services.city import robots
    from shared.packs import load

    chosen = load(pack)
    requests = robots.read_requests(file, limit)
    keys = _credentials(credentials)
    _knock(url)
    typer.echo(f"{len(requests)} requests 件诉求 → {url} ({chosen.title.zh} {chosen.title.en})")
    typer.echo(f"{chosen.demo.note.zh} {chosen.demo.note.en}")
    with _Bars(len(requests)) as bars:
        playing = robots.replay(
            *(url, keys, requests),
            pack=chosen,
            pace=pace,
            progress=bars.show,
            patience=patience,
            renew=lambda: _credentials(credentials),
        )
        summary = uvloop.run(playing)
    _tell(summary)
    if summary.open or summary.given_up or summary.posted < len(requests):
        raise typer.Exit(1)


def _credentials(path: Path) -> "Credentials":
    import json

    from services.city.credentials import Credentials
    from services.city.trouble import Trouble

    path = path / "credentials.json" if path.is_dir() else path
    try:
        return Credentials(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise Trouble(
            f"{path} is missing: start a city first (make run), or name its folder with --credentials"
        ) from None
    except (OSError, ValueError, TypeError) as error:
        raise Trouble(f"{path} is not the credentials.json of a city ({error})") from None


def _knock(url: str) -> None:
    """Once it plays, a replay waits for a city that restarts; one that never was there is said at once."""
    import httpx

    from services.city.trouble import Trouble

    try:
        httpx.get(f"{url}/readyz", timeout=10)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise Trouble(
            f"nobody answers at {url} ({error}): start a city first (make run), or name it with --url"
        ) from None


class _Bars:
    """Two bars: reports posted, cases that came to their end."""

    def __init__(self, total: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        )
        self._posted = self._progress.add_task("posted 上报", total=total)
        self._ended = self._progress.add_task("ended  结案", total=total)

    def __enter__(self) -> "_Bars":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, summary: "Summary") -> None:
        refused = summary.refused.total()
        self._progress.update(self._posted, completed=summary.posted)
        self._progress.update(self._ended, completed=summary.ended + refused)


def _tell(summary: "Summary") -> None:
    rate = summary.closed / summary.elapsed if summary.elapsed else 0.0
    lines = [
        ("posted 上报", summary.posted),
        ("accepted 已接收", summary.accepted),
        ("merged 合并", summary.merged),
        ("closed 结案", f"{summary.closed}  ({rate:.1f}/s)"),
        ("ended otherwise 其他终结", summary.ended_otherwise),
        ("verified 核实", summary.verified),
        ("rework 返工", summary.rework),
        ("acts 操作", summary.acts),
        ("still open 未结", summary.open),
        ("given up 放弃", summary.given_up),
        ("requests sent again 重试", summary.retries),
        ("elapsed 用时", f"{summary.elapsed:.1f} s"),
    ]
    for name, value in lines:
        if value:
            typer.echo(f"{name}: {value}")
    for title, found in (("refused 未接收", summary.refused), ("errors 错误", summary.errors)):
        if found:
            typer.echo(f"{title}: {found.total()}")
            for reason, count in found.most_common():
                typer.echo(f"  {count:>6}  {reason}")
