"""The four services as parts to put together: what the composition root needs to know of each."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from typing import Any, Final, NamedTuple

from fastapi import FastAPI

from shared.bus.carrier import Carrier
from shared.jobs import Job
from shared.settings import Settings

SERVICES: Final = ("intake", "dispatch", "evaluation", "notify")


class Part(NamedTuple):
    """A service: its settings, how it is wired, and what then serves and works."""

    name: str
    settings: type[Settings]
    wire: Callable[[Any, Carrier], AbstractAsyncContextManager[Any]]
    create_app: Callable[[Any], FastAPI]
    api_jobs: Callable[[Any], Sequence[Job]]
    worker_jobs: Callable[[Any], Sequence[Job]]


def part(name: str) -> Part:
    """Imports the service only now: a process that runs one service does not carry the code of four."""
    settings = import_module(f"services.{name}.settings")
    wiring = import_module(f"services.{name}.wiring")
    app = import_module(f"services.{name}.app")
    worker = import_module(f"services.{name}.worker")
    return Part(
        name=name,
        settings=getattr(settings, f"{name.capitalize()}Settings"),
        wire=wiring.wire,
        create_app=app.create_app,
        api_jobs=app.api_jobs,
        worker_jobs=worker.worker_jobs,
    )
