"""Which facts of which topics evaluation reads, and what they become."""

from collections.abc import Sequence

from services.evaluation.commands.count_activities import count_activities
from services.evaluation.commands.count_facts import count_facts
from services.evaluation.commands.learn_areas import learn_areas
from services.evaluation.incoming import KeptFact, UnreadableFact, read_activity, read_area, read_fact
from services.evaluation.wiring import SCHEMA, Wired
from shared.bus.consumer import Subscription
from shared.bus.event import Record
from shared.contracts import topics
from shared.keys import apply_key_facts
from shared.postgres import Connection

GROUP = "evaluation"
# Scores are read by the day, not by the millisecond.
GATHER_MS = 200


async def on_cases(tx: Connection, records: Sequence[Record]) -> None:
    """Every type is taken, also those not known here: what is counted later is rebuilt from what was kept."""
    await count_facts(tx, [_read(record) for record in records])


def _read(record: Record) -> KeptFact:
    kept = read_fact(record.type, record.data)
    if kept.fact.version != record.sequence or str(kept.fact.case_id) != record.subject:
        raise UnreadableFact(
            f"{record.type}: the data is version {kept.fact.version} of case {kept.fact.case_id}, "
            f"the event says {record.sequence} of {record.subject}"
        )
    return kept


async def on_areas(tx: Connection, records: Sequence[Record]) -> None:
    """Names, and which area lies in which."""
    facts = [read_area(r.type, r.data) for r in records if r.type in ("area.defined.v1", "area.retired.v1")]
    await learn_areas(tx, facts)


async def on_activities(tx: Connection, records: Sequence[Record]) -> None:
    """What field workers did."""
    await count_activities(tx, [read_activity(r.type, r.data) for r in records if r.type == "activity.recorded.v1"])


async def on_keys(tx: Connection, records: Sequence[Record]) -> None:
    """Apps that may read scores."""
    await apply_key_facts(tx, SCHEMA, records)


def subscriptions(wired: Wired) -> list[Subscription]:
    """Three, so that a revoked key bites within two seconds also while a backlog is being counted."""
    return [
        Subscription(GROUP, SCHEMA, {topics.CASES.name: on_cases, topics.AREAS.name: on_areas}, gather_ms=GATHER_MS),
        Subscription(f"{GROUP}.activities", SCHEMA, {topics.ACTIVITIES.name: on_activities}, gather_ms=GATHER_MS),
        Subscription(f"{GROUP}.keys", SCHEMA, {topics.KEYS.name: on_keys}),
    ]
