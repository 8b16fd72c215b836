"""Rows of the timeline that are older than the chain, and the macs that they are given."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from services.dispatch.audit.chain import CHAINED, WRITTEN, Birth
from shared.postgres import Connection

LOCK = """
    SELECT id, number, report_id, born_in, source, opened_at FROM dispatch.cases
     WHERE id IN (
           SELECT t.case_id FROM dispatch.timeline t
            WHERE t.mac IS NULL AND t.case_id > $1 AND EXISTS (SELECT FROM dispatch.cases c WHERE c.id = t.case_id)
            ORDER BY t.case_id LIMIT $2)
     ORDER BY id
       FOR UPDATE
"""

ROWS = f"""
    SELECT {", ".join(CHAINED)}, mac FROM dispatch.timeline WHERE case_id = ANY ($1::uuid[]) ORDER BY case_id, version
"""

SEAL = """
    UPDATE dispatch.timeline t SET mac = m.mac
      FROM unnest($1::uuid[], $2::int[], $3::bytea[]) AS m (case_id, version, mac)
     WHERE t.case_id = m.case_id AND t.version = m.version
"""

SET_HEADS = """
    UPDATE dispatch.cases c SET head = m.head FROM unnest($1::uuid[], $2::bytea[]) AS m (id, head) WHERE c.id = m.id
"""

PEND = "INSERT INTO dispatch.audit_pending (case_id) SELECT unnest($1::uuid[])"


class Old(NamedTuple):
    """A case with rows that have no mac: all its rows in order, each as (columns, mac)."""

    birth: Birth
    rows: Sequence[tuple[tuple[Any, ...], bytes | None]]

    @property
    def chained(self) -> bool:
        """Whether a row was written with its mac."""
        return any(mac is not None and mac[0] == WRITTEN for _, mac in self.rows)


class Mac(NamedTuple):
    """What a row is given."""

    case_id: UUID
    version: int
    mac: bytes


async def lock(tx: Connection, after: UUID, limit: int) -> list[Old]:
    """Lock the next cases above id `after` that have rows without a mac: fewer than `limit` of them, as many rows."""
    found = await tx.fetch(LOCK, after, limit)
    rows: dict[UUID, list[tuple[tuple[Any, ...], bytes | None]]] = {row["id"]: [] for row in found}
    for case_id, *columns, mac in await tx.fetch(ROWS, list(rows)):
        rows[case_id].append(((str(case_id), *columns), mac))
    return [Old(Birth(*map(_plain, row)), rows[row["id"]]) for row in found]


async def save(tx: Connection, macs: Sequence[Mac], heads: Sequence[Mac]) -> None:
    """Give rows their macs, and cases their heads."""
    await tx.execute(SEAL, *(list(each) for each in zip(*macs, strict=True)))
    if heads:
        await tx.execute(SET_HEADS, [each.case_id for each in heads], [each.mac for each in heads])
    await tx.execute(PEND, list(dict.fromkeys(mac.case_id for mac in macs)))


def _plain(value: Any) -> Any:
    # asyncpg answers with a subclass of UUID, which orjson does not write.
    return UUID(int=value.int) if isinstance(value, UUID) else value
