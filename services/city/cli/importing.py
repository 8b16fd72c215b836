"""What the commands that import a file share: how they end, and the bar that they show."""

import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

    from shared.imports.reading import Source

Done = TypeVar("Done")

# Nothing, or not all that could be, was done.
NOT_DONE = 2


def run(work: Callable[[], Coroutine[Any, Any, Done]]) -> Done:
    """Expected trouble is one line and status 2: 1 means that rows were refused."""
    import uvloop

    from services.city.cli.trouble import one_line

    try:
        return uvloop.run(work())
    except KeyboardInterrupt:
        print("wangge: stopped; the same command goes on from there", file=sys.stderr)
    except Exception as error:
        line = one_line(error)
        if line is None:
            raise
        print(f"wangge: {line}", file=sys.stderr)
    raise typer.Exit(NOT_DONE)


def refused_file(file: Path, errors: Path | None) -> Path:
    """Where refused rows go. Raises Trouble where that is the file itself."""
    from services.city.trouble import Trouble

    refused = errors or file.with_name(f"{file.name}.errors.csv")
    if refused.resolve() == file.resolve():
        raise Trouble("--errors names the file itself; refused rows need a file of their own")
    return refused


class Bar:
    """How much of the file is settled, and what `last` says of the time."""

    def __init__(self, source: "Source", last: "ProgressColumn") -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), last)
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._lines = self._progress.add_task("lines 行", total=source.lines)

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, line: int, words: str = "lines 行") -> None:
        self._progress.update(self._lines, completed=line, description=words)
