"""Routing rules come into force: a file as a new version, or a version that was kept."""

from datetime import datetime
from typing import NamedTuple

from services.dispatch.domain.refusals import NotYet, UnknownVersion
from services.dispatch.live_routing import digest_of
from services.dispatch.store import routing
from services.dispatch.wiring import Wired
from shared.kernel.clock import utc_now
from shared.packs import BadPack, Problem
from shared.packs.routing_references import check_rules
from shared.postgres import transaction


class Loaded(NamedTuple):
    """The version, and from when it is in force."""

    version: int
    starts_at: datetime


async def load_rules(
    wired: Wired, source: str, *, file: str, by: str, comment: str | None = None, at: datetime | None = None
) -> Loaded:
    """Keep `source` as the next version, in force from `at` or from now.

    Raises BadPack with everything that is wrong with the rules, each by file, rule and field, and NotYet.
    """
    _to_come(at)
    _checked(wired, source, file)
    pack = wired.pack.name
    async with transaction(wired.pool) as tx:
        await routing.turn(tx)
        version = await routing.add(tx, pack, routing.New("file", digest_of(source), source, by, comment))
        starts_at = await routing.activate(tx, pack, version, at, by)
    return Loaded(version, starts_at)


async def activate_rules(wired: Wired, version: int, *, by: str, at: datetime | None = None) -> Loaded:
    """Put a version that was kept into force, from `at` or from now, if it can still be evaluated.

    Raises UnknownVersion, NotYet, and BadPack when units, categories or areas that it names are gone.
    """
    _to_come(at)
    pack = wired.pack.name
    async with transaction(wired.pool) as tx:
        source = (await routing.sources(tx, pack, [version])).get(version)
        if source is None:
            raise UnknownVersion(f"pack {pack} has no routing rules of version {version}: see `wangge routing list`")
        _checked(wired, source, f"version {version}")
        starts_at = await routing.activate(tx, pack, version, at, by)
    return Loaded(version, starts_at)


def _checked(wired: Wired, source: str, file: str) -> None:
    problems: list[Problem] = []
    check_rules(source.encode(), file, wired.pack, problems, wired.rules.units)
    if problems:
        raise BadPack(wired.pack.name, problems)


def _to_come(at: datetime | None) -> None:
    if at is not None and at <= utc_now():
        raise NotYet(f"{at.isoformat()} has passed: rules come into force now, or at a time that is to come")
