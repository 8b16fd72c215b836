"""Each way to tamper with the audit trail, done by SQL as a superuser, is found, named, and nothing else is."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from services.dispatch.audit import anchor
from services.dispatch.audit.chain import CHAINED, canonical, row_mac
from services.dispatch.audit.findings import Finding, Kind
from services.dispatch.audit.keys import AuditKey, AuditKeys
from services.dispatch.commands.make_checkpoint import copy_out, make_checkpoint
from services.dispatch.commands.seal_old import seal_old
from services.dispatch.queries.verification import Outcome, Wanted, verify
from services.dispatch.store import auditing
from shared.kernel.ids import uuid7
from shared.postgres import connect
from tests.integration.dispatch.conftest import PATH, City, own_database_city

ROW = "case_id = '{case}' AND version = {n}"
# (what is done, to a closed case of nine rows with an earlier checkpoint at version 4 and a later one at 9) → findings.
EDITS = {
    "act": "act = 'decline'",
    "at": "at = at - interval '1 microsecond'",
    "at before any calendar": "at = '4713-01-01 BC'",
    "actor": "actor = 'somebody else'",
    "centre": "centre = NULL",
    "post": "post = 'admin'",
    "from": "from_status = 'checked'",
    "to": "status = 'rejected'",
    "revision": "revision = revision + 1",
    "opinion": "opinion = 'never said'",
    "evidence": """evidence = '["0193a000-0000-7000-8000-000000000001"]'""",
    "clock": "clock = clock || '{{\"used_s\": 1}}'",
    "details": 'details = \'{{"condition": "other"}}\'',
    "receiver": "receiver = NULL",
    "key": "key = 'another'",
    "mac": "mac = set_byte(mac, 36, (get_byte(mac, 36) + 1) % 256)",
}
TAMPERED: dict[str, tuple[str, list[tuple[Kind, int | None]]]] = {
    **{
        f"edited {name}": (
            f"UPDATE dispatch.timeline SET {change} WHERE {ROW.format(case='{case}', n=4)}",
            [(Kind.ROW_CHANGED, 4)],
        )
        for name, change in EDITS.items()
    },
    "edited first row": (
        "UPDATE dispatch.timeline SET actor = 'x' WHERE case_id = '{case}' AND version = 1",
        [(Kind.ROW_CHANGED, 1)],
    ),
    "edited last row": (
        "UPDATE dispatch.timeline SET opinion = 'x' WHERE case_id = '{case}' AND version = 9",
        [(Kind.ROW_CHANGED, 9)],
    ),
    "edited mac of the last row": (
        "UPDATE dispatch.timeline SET mac = set_byte(mac, 36, 255 - get_byte(mac, 36)) "
        "WHERE case_id = '{case}' AND version = 9",
        [(Kind.ROW_CHANGED, 9)],
    ),
    "mac of a key that nobody has": (
        "UPDATE dispatch.timeline SET mac = set_byte(mac, 2, 255 - get_byte(mac, 2)) "
        "WHERE case_id = '{case}' AND version = 5",
        [(Kind.ROW_CHANGED, 5)],
    ),
    "mac cut short": (
        "UPDATE dispatch.timeline SET mac = substr(mac, 1, 20) WHERE case_id = '{case}' AND version = 5",
        [(Kind.ROW_CHANGED, 5)],
    ),
    "mac taken away": (
        "UPDATE dispatch.timeline SET mac = NULL WHERE case_id = '{case}' AND version = 5",
        [(Kind.ROW_WITHOUT_MAC, 5)],
    ),
    "every mac taken away": (
        "UPDATE dispatch.timeline SET mac = NULL WHERE case_id = '{case}';"
        "UPDATE dispatch.cases SET head = NULL WHERE id = '{case}'",
        [(Kind.ROW_WITHOUT_MAC, n) for n in range(1, 10)],
    ),
    "deleted in the middle": (
        "DELETE FROM dispatch.timeline WHERE case_id = '{case}' AND version IN (5, 6)",
        [(Kind.ROWS_MISSING, 5)],
    ),
    "deleted at the beginning": (
        "DELETE FROM dispatch.timeline WHERE case_id = '{case}' AND version < 3",
        [(Kind.ROWS_MISSING, 1)],
    ),
    "deleted and closed up": (
        "DELETE FROM dispatch.timeline WHERE case_id = '{case}' AND version = 8;"
        "UPDATE dispatch.timeline SET version = 8 WHERE case_id = '{case}' AND version = 9",
        [(Kind.ROW_CHANGED, 8), (Kind.TAIL_MISSING, 9)],
    ),
    "cut off at the end": (
        "DELETE FROM dispatch.timeline WHERE case_id = '{case}' AND version > 7",
        [(Kind.TAIL_MISSING, 8)],
    ),
    "cut off, and the case taken back to it": (
        "DELETE FROM dispatch.timeline WHERE case_id = '{case}' AND version > 7;"
        "UPDATE dispatch.cases SET version = 7, revision = 7, status = 'checking',"
        " head = (SELECT mac FROM dispatch.timeline WHERE case_id = '{case}' AND version = 7) WHERE id = '{case}'",
        [(Kind.TAIL_MISSING, 8)],
    ),
    "everything of the timeline deleted": (
        "DELETE FROM dispatch.timeline WHERE case_id = '{case}'",
        [(Kind.TAIL_MISSING, 1)],
    ),
    "swapped": (
        "UPDATE dispatch.timeline SET version = CASE version WHEN 5 THEN -5 ELSE 5 END"
        " WHERE case_id = '{case}' AND version = 5;"
        "UPDATE dispatch.timeline SET version = 5 WHERE case_id = '{case}' AND version = 6;"
        "UPDATE dispatch.timeline SET version = 6 WHERE case_id = '{case}' AND version = -5",
        [(Kind.ROW_MOVED, 5), (Kind.ROW_MOVED, 6)],
    ),
    "moved to the end": (
        "UPDATE dispatch.timeline SET version = 12 WHERE case_id = '{case}' AND version = 5",
        [(Kind.ROW_MOVED, 12)],
    ),
    "forged at the end": (
        "INSERT INTO dispatch.timeline SELECT (jsonb_populate_record(t, '{{\"version\": 10}}')).*"
        " FROM dispatch.timeline t WHERE case_id = '{case}' AND version = 9;"
        "UPDATE dispatch.cases SET version = 10, revision = 10 WHERE id = '{case}'",
        [(Kind.ROW_CHANGED, 10)],
    ),
    "deleted case": ("DELETE FROM dispatch.cases WHERE id = '{case}'", [(Kind.CASE_MISSING, None)]),
    "deleted case and timeline": (
        "DELETE FROM dispatch.cases WHERE id = '{case}';DELETE FROM dispatch.timeline WHERE case_id = '{case}'",
        [(Kind.CASE_MISSING, None)],
    ),
    "edited head": (
        "UPDATE dispatch.cases SET head = set_byte(head, 36, 255 - get_byte(head, 36)) WHERE id = '{case}'",
        [(Kind.HEAD_CHANGED, None)],
    ),
    "an older head": (
        "UPDATE dispatch.cases SET head = (SELECT mac FROM dispatch.timeline"
        " WHERE case_id = '{case}' AND version = 8) WHERE id = '{case}'",
        [(Kind.HEAD_CHANGED, None)],
    ),
    "head taken away": ("UPDATE dispatch.cases SET head = NULL WHERE id = '{case}'", [(Kind.HEAD_CHANGED, None)]),
    "edited status of the case": (
        "UPDATE dispatch.cases SET status = 'voided' WHERE id = '{case}'",
        [(Kind.CASE_CHANGED, None)],
    ),
    "edited version of the case": (
        "UPDATE dispatch.cases SET version = 8 WHERE id = '{case}'",
        [(Kind.CASE_CHANGED, None)],
    ),
    "raised version of the case": (
        "UPDATE dispatch.cases SET version = 11 WHERE id = '{case}'",
        [(Kind.CASE_CHANGED, None)],
    ),
    "edited number of the case": (
        "UPDATE dispatch.cases SET number = number || '0' WHERE id = '{case}'",
        [(Kind.ROW_CHANGED, 1)],
    ),
}
ALL = Wanted()
CHECKPOINTS: dict[str, tuple[str, list[tuple[Kind, int | None]]]] = {
    **{
        f"edited {name}": (
            f"UPDATE dispatch.audit_checkpoints SET {change} WHERE number = 2",
            [(Kind.CHECKPOINT_CHANGED, 2)],
        )
        for name, change in {
            "time": "made_at = made_at - interval '1 hour'",
            "count": "total_rows = total_rows - 1",
            "root": "root = set_byte(root, 0, 255 - get_byte(root, 0))",
            "previous": "previous = set_byte(previous, 0, 255 - get_byte(previous, 0))",
            "seal": "sealed = NOT sealed",
            "signature": "signature = set_byte(signature, 0, 255 - get_byte(signature, 0))",
        }.items()
    },
    "deleted in the middle": (
        "DELETE FROM dispatch.audit_checkpoints WHERE number = 2",
        [(Kind.CHECKPOINT_MISSING, 2)],
    ),
    "deleted at the end": ("DELETE FROM dispatch.audit_checkpoints WHERE number = 3", [(Kind.CHECKPOINT_MISSING, 3)]),
    "deleted entry": (
        "DELETE FROM dispatch.audit_entries WHERE checkpoint = 2 AND case_id = '{case}'",
        [(Kind.ENTRIES_CHANGED, 2)],
    ),
    "edited entry": (
        "UPDATE dispatch.audit_entries SET version = 2 WHERE checkpoint = 2 AND case_id = '{case}'",
        [(Kind.ENTRIES_CHANGED, 2)],
    ),
    "deleted with its entries": (
        "DELETE FROM dispatch.audit_checkpoints WHERE number = 2;"
        "DELETE FROM dispatch.audit_entries WHERE checkpoint = 2",
        [(Kind.CHECKPOINT_MISSING, 2)],
    ),
}


@pytest.fixture(scope="module")
async def lonely(postgres_dsn: str) -> AsyncIterator[City]:
    """A city of which every row is known: checkpoints 1 (sealed from the first), 2 in the middle, 3 at the end."""
    async for city in own_database_city(postgres_dsn):
        for _ in range(3):
            await city.until("handling")
        assert await make_checkpoint(city.wired)
        case = await city.until("filed")
        assert await make_checkpoint(city.wired)
        for act, post, body in PATH[2:]:
            case = await city.act(case, act, post, body, key=f"{act}-1")
        assert await make_checkpoint(city.wired)
        yield city


async def closed_case(city: City) -> UUID:
    found: UUID = await city.wired.pool.fetchval("SELECT id FROM dispatch.cases WHERE status = 'closed'")
    return found


async def verified(
    dsn: str, keys: AuditKeys, wanted: Wanted = ALL, statements: str = ""
) -> tuple[Outcome, list[Finding]]:
    """What a check finds after `statements`, which are then taken back."""
    connection = await connect(dsn, name="test")
    findings: list[Finding] = []
    transaction = connection.transaction(isolation="repeatable_read")
    await transaction.start()
    try:
        # As a superuser may: past the triggers.
        await connection.execute(f"SET LOCAL session_replication_role = replica; {statements}")
        outcome = await verify(connection, keys, wanted, findings.append)
    finally:
        await transaction.rollback()
        await connection.close()
    return outcome, findings


def told(findings: list[Finding]) -> list[tuple[Kind, int | None]]:
    return [(finding.kind, finding.checkpoint if finding.version is None else finding.version) for finding in findings]


async def test_an_untouched_trail_is_as_it_was_written(lonely: City) -> None:
    outcome, findings = await verified(lonely.wired.settings.database_url, lonely.wired.audit)
    assert findings == []
    assert (outcome.cases, outcome.checkpoints, outcome.older, outcome.unread) == (4, 3, 0, 0)
    assert outcome.rows == 3 * 5 + 9


@pytest.mark.parametrize("what", TAMPERED)
async def test_tampering_with_a_case_is_found(lonely: City, what: str) -> None:
    case = await closed_case(lonely)
    statements, expected = TAMPERED[what]
    dsn, keys = lonely.wired.settings.database_url, lonely.wired.audit
    _, findings = await verified(dsn, keys, statements=statements.format(case=case))
    assert told(findings) == expected
    for finding in findings:
        assert finding.case_id == case
        assert str(case) in finding.en
        assert str(case) in finding.zh
    _, alone = await verified(dsn, keys, Wanted(case), statements.format(case=case))
    assert told(alone) == expected


@pytest.mark.parametrize("what", CHECKPOINTS)
async def test_tampering_with_checkpoints_is_found(lonely: City, what: str) -> None:
    statements, expected = CHECKPOINTS[what]
    case = await closed_case(lonely)
    _, findings = await verified(
        lonely.wired.settings.database_url, lonely.wired.audit, statements=statements.format(case=case)
    )
    assert told(findings) == expected
    assert all("2" in finding.en or "3" in finding.en for finding in findings)


async def test_a_row_rewritten_with_the_key_is_not_the_one_a_checkpoint_saw(lonely: City) -> None:
    """Whoever has the key writes a chain that is right in itself; the checkpoint's entry has the old head."""
    case, key = await closed_case(lonely), lonely.wired.audit.current
    async with lonely.wired.pool.acquire() as connection:
        rows = (await auditing.batch(connection, case, case, 1)).rows[case]
    columns = list(rows[8].columns)
    columns[CHAINED.index("opinion")] = "never said"
    assert rows[7].mac is not None
    mac = row_mac(key, rows[7].mac, canonical(columns)).hex()
    statements = f"""
        UPDATE dispatch.timeline SET opinion = 'never said', mac = '\\x{mac}' WHERE case_id = '{case}' AND version = 9;
        UPDATE dispatch.cases SET head = '\\x{mac}' WHERE id = '{case}'"""
    dsn, keys = lonely.wired.settings.database_url, lonely.wired.audit
    _, findings = await verified(dsn, keys, statements=statements)
    assert told(findings) == [(Kind.ROW_REPLACED, 9)]
    assert "checkpoint 3" in findings[0].en


async def test_the_triggers_refuse_what_is_not_a_first_mac(lonely: City) -> None:
    case = await closed_case(lonely)
    for statement in (
        f"UPDATE dispatch.timeline SET opinion = 'x' WHERE case_id = '{case}'",
        f"UPDATE dispatch.timeline SET mac = '' WHERE case_id = '{case}'",
        f"DELETE FROM dispatch.timeline WHERE case_id = '{case}'",
        "TRUNCATE dispatch.timeline",
        "DELETE FROM dispatch.audit_checkpoints",
        "UPDATE dispatch.audit_entries SET version = 1",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="add-only 只增不改"):
            await lonely.wired.pool.execute(statement)


async def test_what_was_cut_off_everywhere_is_found_with_a_copy(lonely: City, tmp_path: Path) -> None:
    dsn, keys = lonely.wired.settings.database_url, lonely.wired.audit
    assert await copy_out(lonely.wired, tmp_path) == 3
    assert await copy_out(lonely.wired, tmp_path) == 0
    outcome, findings = await verified(dsn, keys, Wanted(copy=tmp_path))
    assert (outcome.copied, findings) == (3, [])
    case = await closed_case(lonely)
    everywhere = f"""
        DELETE FROM dispatch.timeline WHERE case_id = '{case}' AND version > 4;
        UPDATE dispatch.cases SET version = 4, revision = 4, status = 'dispatched',
               head = (SELECT mac FROM dispatch.timeline WHERE case_id = '{case}' AND version = 4) WHERE id = '{case}';
        UPDATE dispatch.cases SET version = 3, revision = 3, status = 'filed',
               head = (SELECT mac FROM dispatch.timeline WHERE case_id = '{case}' AND version = 3) WHERE id = '{case}';
        DELETE FROM dispatch.timeline WHERE case_id = '{case}' AND version > 3;
        DELETE FROM dispatch.audit_checkpoints WHERE number = 3;
        DELETE FROM dispatch.audit_entries WHERE checkpoint = 3"""
    _, unseen = await verified(dsn, keys, statements=everywhere)
    assert unseen == []
    _, findings = await verified(dsn, keys, Wanted(copy=tmp_path / anchor.NAME), everywhere)
    assert told(findings) == [(Kind.COPY_KNOWS_MORE, 3)]
    path = tmp_path / anchor.NAME
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"total_rows":15', b'"total_rows":14', 1))
    _, findings = await verified(dsn, keys, Wanted(copy=path))
    assert [(finding.kind, finding.line) for finding in findings] == [(Kind.COPY_CHANGED, 1)]


async def test_without_the_key_nothing_is_called_tampering(lonely: City) -> None:
    dsn = lonely.wired.settings.database_url
    outcome, findings = await verified(dsn, AuditKeys(AuditKey(bytes(32))))
    assert findings == []
    assert (outcome.unread, outcome.missing) == (24, {lonely.wired.audit.current.id.hex()})
    public = AuditKeys(None, public=[lonely.wired.audit.current.public])
    outcome, findings = await verified(dsn, public)
    assert (findings, outcome.unread, outcome.missing) == ([], 24, set())
    case = await closed_case(lonely)
    for cut in ("deleted in the middle", "cut off, and the case taken back to it", "deleted case and timeline"):
        statements, expected = TAMPERED[cut]
        _, findings = await verified(dsn, public, statements=statements.format(case=case))
        assert told(findings) == expected


async def test_keys_are_rotated(fresh_city: City) -> None:
    fresh = AuditKey(uuid7().bytes * 2)
    city = fresh_city
    case = await city.until("filed")
    assert await make_checkpoint(city.wired)
    old = city.wired.audit.current
    object.__setattr__(city.wired, "audit", AuditKeys(fresh, [old]))
    case = await city.act(case, *PATH[2])
    assert await make_checkpoint(city.wired)
    outcome, findings = await verified(city.wired.settings.database_url, city.wired.audit)
    assert (findings, outcome.unread, outcome.missing) == ([], 0, set())
    outcome, findings = await verified(city.wired.settings.database_url, AuditKeys(fresh))
    assert (findings, outcome.unread, outcome.missing) == ([], 3, {old.id.hex()})


async def test_rows_older_than_the_chain_are_counted_then_sealed(fresh_city: City) -> None:
    city = fresh_city
    dsn, keys = city.wired.settings.database_url, city.wired.audit
    old, begun, mixed = await city.until("closed"), await city.until("filed"), await city.until("filed")
    connection = await connect(dsn, name="test")
    await connection.execute("SET session_replication_role = replica")
    await connection.execute("UPDATE dispatch.timeline SET mac = NULL")
    await connection.execute("UPDATE dispatch.cases SET head = NULL")
    begun = await city.act(begun, *PATH[2])
    # A program of before the chain acts once more on a case that already has one.
    mixed = await city.act(mixed, *PATH[2])
    mixed = await city.act(mixed, *PATH[3])
    await connection.execute("UPDATE dispatch.timeline SET mac = NULL WHERE version = 5")
    await connection.execute(
        "UPDATE dispatch.cases c SET head = mac FROM dispatch.timeline t"
        " WHERE t.case_id = c.id AND c.id = $1 AND t.version = 4",
        UUID(mixed["id"]),
    )
    await connection.close()
    mixed = await city.act(mixed, *PATH[4])
    outcome, findings = await verified(dsn, keys)
    assert (findings, outcome.older) == ([], 9 + 3 + 3 + 1)
    sealed = await seal_old(city.wired)
    assert sealed
    assert (sealed.rows, sealed.cases) == (16, 3)
    await city.act(begun, *PATH[3])
    outcome, findings = await verified(dsn, keys)
    assert (findings, outcome.older) == ([], 0)
    for case, version in ((old, 3), (old, 9), (begun, 2), (mixed, 5)):
        change = f"UPDATE dispatch.timeline SET actor = 'x' WHERE case_id = '{case['id']}' AND version = {version}"
        _, findings = await verified(dsn, keys, statements=change)
        assert told(findings) == [(Kind.ROW_CHANGED, version)]
    again = await seal_old(city.wired)
    assert again
    assert again.rows == 0
