"""Reports as a city sends them: each of another place, kinds alike often, some on a component, some by a person who
leaves a telephone number, and one in ten of a matter that another has just told of.
"""

import random
from collections.abc import Sequence

import orjson

from shared.packs import load
from shared.packs.geography import draw_places
from tests.bench.reports import bodies

REAL = 900
# One report in so many: on a component, by a person with a telephone, of the place of one before.
ON_COMPONENT, WITH_CONTACT, AGAIN = 20, 5, 10
# How far behind the first the second report of a matter comes.
BEHIND = 40


def traffic(pack_name: str, count: int, components: Sequence[int], seed: int = 1) -> list[bytes]:
    """`count` reports, each as JSON: texts and attributes of real 311 requests, as many of each kind as of any other.

    The same for the same seed. The places are the pack's own; `components` are codes that the registry has.
    """
    pack, chance = load(pack_name), random.Random(seed)
    kinds: dict[str, list[bytes]] = {}
    for body in bodies(pack_name, REAL):
        kinds.setdefault(orjson.loads(body)["category"], []).append(body)
    places = draw_places(pack, count)
    chance.shuffle(places)
    made: list[dict[str, object]] = []
    for n, (lon, lat) in enumerate(places):
        report = orjson.loads(chance.choice(chance.choice([*kinds.values()])))
        report["location"] = {"lon": lon, "lat": lat}
        if n % WITH_CONTACT == 1:
            report["reporter"] = {"name": "某市民", "phone": f"138{chance.randrange(10**8):08}"}
        if n % ON_COMPONENT == 2 and components:
            report["location"] = {"component": str(chance.choice(components))}
        if n % AGAIN == 3 and n > BEHIND:
            before = made[n - BEHIND]
            report |= {"category": before["category"], "location": before["location"]}
        made.append(report)
    return [orjson.dumps(report) for report in made]
