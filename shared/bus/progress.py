"""Where a group stands in each partition, and of which log that is said."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from shared.bus.carrier import CarrierRefused
from shared.postgres import Connection

Partition: TypeAlias = tuple[str, int]  # topic, partition


class Bounds(NamedTuple):
    """A partition as the carrier has it: its topic's identity, the oldest offset kept and the next to be written."""

    topic_id: str
    oldest: int
    end: int


async def read_progress(
    connection: Connection, schema: str, group: str, cluster: str, bounds: Mapping[Partition, Bounds]
) -> dict[Partition, int]:
    """The next offset of every partition of `bounds`; one that was never read begins with the oldest record.

    Raises CarrierRefused when what is stored was said of another log or of records that are gone: reading on would
    silently skip or repeat.
    """
    names: Sequence[Partition] = sorted(bounds)
    await connection.execute(
        f"""
        INSERT INTO {schema}.inbox_progress (grp, topic, partition, next_offset, cluster, topic_id)
        SELECT $1, u.topic, u.partition, u.oldest, $2, u.topic_id
          FROM unnest($3::text[], $4::smallint[], $5::bigint[], $6::text[]) AS u (topic, partition, oldest, topic_id)
        ON CONFLICT (grp, topic, partition) DO NOTHING
        """,
        group,
        cluster,
        [name[0] for name in names],
        [name[1] for name in names],
        [bounds[name].oldest for name in names],
        [bounds[name].topic_id for name in names],
    )
    rows = await connection.fetch(
        f"""
        SELECT topic, partition, next_offset, cluster, topic_id FROM {schema}.inbox_progress
         WHERE grp = $1 AND topic = ANY($2::text[])
        """,
        group,
        sorted({name[0] for name in names}),
    )
    progress: dict[Partition, int] = {}
    for topic, partition, next_offset, stored_cluster, stored_topic in rows:
        bound = bounds.get((topic, partition))
        if bound is None:
            continue
        where = f"group {group}, topic {topic}, partition {partition}"
        if stored_cluster != cluster:
            raise _refused(
                where, f"it was reading cluster {stored_cluster}, this is cluster {cluster}", schema, group, topic
            )
        if stored_topic != bound.topic_id:
            raise _refused(where, "the topic was deleted and created again since it was read", schema, group, topic)
        if next_offset < bound.oldest:
            gone = f"the records {next_offset} to {bound.oldest - 1} are gone: it stood still for too long"
            raise _refused(where, gone, schema, group, topic)
        if next_offset > bound.end:
            lost = f"it has read up to {next_offset}, the log ends at {bound.end}: this is an older copy"
            raise _refused(where, lost, schema, group, topic)
        progress[topic, partition] = next_offset
    return progress


def _refused(where: str, what: str, schema: str, group: str, topic: str) -> CarrierRefused:
    return CarrierRefused(
        f"{where}: {what}. Connect it to the log it was reading; or, to read this one from its oldest record (what was "
        f"applied before is recognised and left out), stop the readers and run: "
        f"DELETE FROM {schema}.inbox_progress WHERE grp = '{group}' AND topic = '{topic}'"
    )
