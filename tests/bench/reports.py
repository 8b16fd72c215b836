"""The reports that are posted: real 311 requests, at places of the pack."""

import random
from pathlib import Path

import asyncpg
import orjson

from services.city.robots.requests import Request, placed, read_requests, report_of
from shared.packs import Pack, load
from shared.packs.geography import draw_places

REQUESTS = Path("shared/packs/nyc-311/requests.csv")
# Of the reports of `matters`, as many tell of what one of the last five hundred told of.
AGAIN = 0.1
RECENT = 500


def bodies(pack_name: str, count: int) -> list[bytes]:
    """`count` reports that the pack takes, each as JSON; the real ones, over and over."""
    pack = load(pack_name)
    made = [orjson.dumps(report_of(request, pack)) for request in placed(_known(pack), pack)]
    return [made[n % len(made)] for n in range(count)]


def matters(pack_name: str, count: int, again: float = AGAIN) -> list[bytes]:
    """The same, each elsewhere, as a city's reports are; a share of them tells once more of a matter that was told of
    a little before 重复上报.
    """
    pack, chance = load(pack_name), random.Random(1)
    known = _known(pack)
    made: list[bytes] = []
    for n, place in enumerate(draw_places(pack, count)):
        if made and chance.random() < again:
            made.append(made[max(0, n - chance.randint(1, RECENT))])
        else:
            made.append(orjson.dumps(report_of(known[n % len(known)]._replace(place=place), pack)))
    return made


async def settle(dsn: str) -> None:
    """As when every matter that was reported has ended: what is reported from now on is new."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("TRUNCATE intake.clusters")
    await connection.close()


def _known(pack: Pack) -> list[Request]:
    found = read_requests(REQUESTS)
    return [r for r in found if r.place and (r.complaint in pack.demo.categories or r.complaint in pack.categories)]
