"""Keys of the audit trail, checkpoints signed with them, and the copy outside."""

import hmac
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import SecretStr

from services.dispatch.audit import anchor
from services.dispatch.audit.checkpoint import FORM, NOTHING_BEFORE, Checkpoint, Entry, Summed, read_shown
from services.dispatch.audit.findings import WORDS, Kind
from services.dispatch.audit.keys import AuditKey, audit_keys
from services.dispatch.settings import DispatchSettings
from shared.installation_key import BadInstallationKey

KEY = AuditKey(bytes(32))
AT = datetime(2026, 11, 25, 8, 0, 0, 1, UTC)
ENTRIES = [Entry(UUID(int=1), 0, 3, bytes(37)), Entry(UUID(int=2), 4, 9, bytes(37))]


def checkpoint(number: int = 1) -> Checkpoint:
    summed = Summed(ENTRIES)
    return Checkpoint(
        number, FORM, AT, summed.cases, summed.rows, 1, 8, summed.root, NOTHING_BEFORE, True, ""
    ).signed_by(KEY)


def test_one_secret_gives_a_key_for_macs_and_a_pair_that_are_not_alike() -> None:
    assert KEY.mac(b"row") != hmac.digest(bytes(32), b"row", "sha256")
    assert KEY.mac(b"row") == KEY.mac(b"row") == AuditKey(bytes(32)).mac(b"row")
    assert KEY.mac(b"row") != KEY.mac(b"low")
    assert KEY.id != AuditKey(bytes(31) + b"\x01").id


def test_a_checkpoint_is_authentic_until_any_part_of_it_changes() -> None:
    made = checkpoint()
    assert made.authentic(KEY.public)
    assert (made.cases, made.rows) == (2, 8)
    for changed in (
        made._replace(number=2),
        made._replace(made_at=AT + timedelta(microseconds=1)),
        made._replace(total_rows=9),
        made._replace(root=bytes(32)),
        made._replace(previous=bytes(31) + b"\x01"),
        made._replace(sealed=False),
    ):
        assert not changed.authentic(KEY.public)
    assert not made.authentic(AuditKey(b"\x01" * 32).public)
    elsewhere = made._replace(made_at=AT.astimezone(timezone(timedelta(hours=8))))
    assert elsewhere.authentic(KEY.public)


def test_a_root_tells_every_part_of_every_entry() -> None:
    root = Summed(ENTRIES).root
    first, second = ENTRIES
    for other in (
        [first],
        [second, first],
        [first, second._replace(since=5)],
        [first, second._replace(version=8)],
        [first, second._replace(head=bytes(36) + b"\x01")],
        [first, second._replace(head=b"")],
        [first, second._replace(case_id=UUID(int=3))],
    ):
        assert Summed(other).root != root


def test_a_copy_is_only_added_to_and_a_torn_line_is_mended(tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    assert anchor.last_number(folder) == 0
    anchor.append(folder, [checkpoint(1), checkpoint(2)])
    anchor.append(folder, [checkpoint(2), checkpoint(3)])
    assert [each and each.number for _, each in anchor.read(folder)] == [1, 2, 3]
    file = folder / anchor.NAME
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    assert anchor.last_number(folder) == 2
    assert [each is None for _, each in anchor.read(file)] == [False, False, True]
    anchor.append(folder, [checkpoint(3)])
    assert file.read_bytes() == whole
    assert [each for _, each in anchor.read(file)] == [checkpoint(1), checkpoint(2), checkpoint(3)]


def test_a_line_that_holds_no_checkpoint() -> None:
    for line in (b"", b"[]", b"{}", b'{"number": 1}', b"\xff"):
        with pytest.raises(ValueError):  # noqa: PT011
            read_shown(line)


def test_a_key_is_made_once_and_kept_to_its_owner(tmp_path: Path) -> None:
    settings = DispatchSettings(data_dir=tmp_path)
    with pytest.raises(BadInstallationKey, match=r"there is no .*audit\.key: set WANGGE_AUDIT_KEY"):
        audit_keys(settings, make=False)
    key = audit_keys(settings).current.id
    assert audit_keys(settings, make=False).current.id == key
    assert (tmp_path / "audit.key").stat().st_mode & 0o777 == 0o600


def test_production_refuses_to_start_without_a_key(tmp_path: Path) -> None:
    with pytest.raises(BadInstallationKey, match="WANGGE_AUDIT_KEY is needed in production"):
        audit_keys(DispatchSettings(environment="production", data_dir=tmp_path))
    with pytest.raises(BadInstallationKey, match="WANGGE_AUDIT_OLD_KEYS must be 32 bytes in base64"):
        audit_keys(DispatchSettings(data_dir=tmp_path, audit_old_keys=[SecretStr("short")]))


def test_every_finding_has_words_in_both_languages() -> None:
    assert set(WORDS) == set(Kind)
