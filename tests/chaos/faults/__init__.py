"""The faults: each does its harm, ends it, and starts again what it ended itself. What follows is nobody's business."""

import random
from collections.abc import Mapping

from tests.chaos.faults.processes import FAKETIME, die_at, freeze, kill, roll, shift_clock
from tests.chaos.faults.records import cannot_apply, send_poison
from tests.chaos.faults.scene import Fault, Impossible, Scene
from tests.chaos.faults.servers import cut, fill_disk, fill_postgres, kill_kafka, kill_postgres, lose_broker
from tests.chaos.serve import AFTER_COMMIT, AFTER_PUBLISH
from tests.chaos.stack import LAYOUT, SERVICES

__all__ = ["FAULTS", "Impossible", "Scene", "plan"]

# Of these the load has clients; evaluation it asks only at the end.
CLIENTS_OF = ("intake", "dispatch", "notify")
WORKERS = (("intake", "worker"), ("dispatch", "worker"), ("evaluation", "worker"), ("notify", "worker"))
FAULTS: Mapping[str, Fault] = {
    **{f"kill {service} {role}": kill(service, role) for service, role in dict.fromkeys(LAYOUT)},
    "kill the relay between publish and delete": die_at(AFTER_PUBLISH, ("intake", "dispatch")),
    "kill a consumer between transaction and offset": die_at(AFTER_COMMIT, SERVICES),
    "kill Kafka": kill_kafka,
    "kill Postgres": kill_postgres,
    "freeze for 20 s": freeze(tuple(dict.fromkeys(LAYOUT))),
    "freeze a worker for 20 s": freeze(WORKERS),
    "reset connections of clients": cut(CLIENTS_OF),
    "reset connections to the servers": cut(("postgres", "kafka")),
    "Postgres out of connections": fill_postgres,
    "disk full": fill_disk,
    "lose a broker": lose_broker,
    "poison": send_poison,
    "a record that cannot be applied for a while": cannot_apply,
    "rolling restart of the workers": roll,
    "a worker's clock five minutes off": shift_clock,
}
# Left out of the short form: it takes a disk of the run's own.
LONG_ONLY = frozenset({"disk full"})
CLOCK = frozenset({"a worker's clock five minutes off"})
THREE_ONLY = frozenset({"lose a broker"})
ONE_ONLY = frozenset({"kill Kafka"})


def plan(seed: int, rounds: int, *, long: bool, three: bool, only: str = "") -> list[str]:
    """Which fault comes when: every kind once before any comes twice, shuffled anew.

    `only` leaves those that have it in their name, or one of its parts between commas.
    """
    left_out = (frozenset() if long else LONG_ONLY) | (ONE_ONLY if three else THREE_ONLY)
    if not long and FAKETIME is None:
        left_out |= CLOCK
    wanted = {name for name in FAULTS if name not in left_out and any(part in name for part in only.split(","))}
    rng = random.Random(seed)
    planned: list[str] = []
    while wanted and len(planned) < rounds:
        # Shuffled whole, so that a seed means the same order wherever some are left out.
        deck = list(FAULTS)
        rng.shuffle(deck)
        planned += [name for name in deck if name in wanted]
    return planned[:rounds]
