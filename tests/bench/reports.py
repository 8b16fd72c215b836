"""The reports that are posted: real 311 requests, at places of the pack."""

from pathlib import Path

import orjson

from services.city.robots.requests import placed, read_requests, report_of
from shared.packs import load

REQUESTS = Path("shared/packs/nyc-311/requests.csv")


def bodies(pack_name: str, count: int) -> list[bytes]:
    """`count` reports that the pack takes, each as JSON; the real ones, over and over."""
    pack = load(pack_name)
    known = [
        r for r in read_requests(REQUESTS) if r.complaint in pack.demo.categories or r.complaint in pack.categories
    ]
    made = [orjson.dumps(report_of(r, pack)) for r in placed([r for r in known if r.place], pack)]
    return [made[n % len(made)] for n in range(count)]
