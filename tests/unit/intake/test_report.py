"""Taking a report in: what is refused, what is masked, what is sealed, what is published."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from services.intake.domain.contact import identifiers
from services.intake.domain.report import (
    Asked,
    AtPoint,
    BadAttributes,
    OccurredInFuture,
    Personal,
    Report,
    Reporter,
    receive,
)
from services.intake.outgoing import report_received
from services.intake.sealing import CannotUnseal, Sealer, encrypt, personal_key
from services.intake.settings import IntakeSettings
from shared.contracts.intake import ReportReceived
from shared.installation_key import BadInstallationKey
from shared.kernel.place import Datum
from shared.kernel.place import Place as At

NOW = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
ID = UUID("0193a000-0000-7000-8000-000000000001")
KEY = bytes(range(32))


def take(**fields: Any) -> tuple[Report, Personal | None]:
    asked = Asked("01003", "井盖破损", AtPoint(116.3, 39.9, Datum.WGS84), None, "app", {}, None, ())
    return receive(
        asked._replace(**fields), At(116.3, 39.9), "110108.012.003.017",
        report_id=ID, tracking_code="ABCDEFGHJKMN", caller="key:1", now=NOW,
    )  # fmt: skip


def test_a_report_without_personal_data_has_nothing_to_seal() -> None:
    report, personal = take()
    assert personal is None
    assert report.description == "井盖破损"


def test_a_number_in_the_text_is_masked_and_the_text_kept_to_be_sealed() -> None:
    report, personal = take(description="电话13812345678")
    assert report.description == "电话138********"
    assert personal == Personal("电话13812345678", None)


def test_a_reporter_is_kept_to_be_sealed() -> None:
    _, personal = take(reporter=Reporter(phone="13812345678"))
    assert personal == Personal("井盖破损", Reporter(None, "13812345678", None))


def test_a_clock_may_be_five_minutes_fast_and_no_more() -> None:
    take(occurred_at=NOW + timedelta(minutes=4))
    with pytest.raises(OccurredInFuture) as refused:
        take(occurred_at=NOW + timedelta(minutes=6))
    assert refused.value.errors[0].pointer == "/occurred_at"


@pytest.mark.parametrize(
    ("attributes", "pointer"),
    [
        ({"a": float("nan")}, "/attributes/a"),
        ({"a": {"b": [1, float("inf")]}}, "/attributes/a/b/1"),
        ({"a/b": "\x00"}, "/attributes/a~1b"),
        ({"a": {"b\x00": 1}}, "/attributes/a"),
        ({"a": 2**63}, "/attributes/a"),
        ({"a": list(range(600))}, "/attributes"),
    ],
)
def test_attributes_that_cannot_be_kept_are_refused_by_name(attributes: Any, pointer: str) -> None:
    with pytest.raises(BadAttributes) as refused:
        take(attributes=attributes)
    assert refused.value.errors[0].pointer == pointer


def test_the_fact_is_what_the_contract_says() -> None:
    report, _ = take(
        occurred_at=NOW - timedelta(hours=1),
        attributes={"depth_cm": 3, "tags": ["a", None]},
        media=[ID],
        source="video",
    )
    fact = ReportReceived.model_validate_json(report_received(report), strict=True)
    assert (fact.report_id, fact.media, fact.source) == (ID, [ID], "video")
    assert (fact.location.lon, fact.location.lat) == (116.3, 39.9)
    assert (fact.occurred_at, fact.received_at) == (NOW - timedelta(hours=1), NOW)
    assert fact.attributes == {"depth_cm": 3, "tags": ["a", None]}
    assert b"ABCDEFGHJKMN" not in report_received(report)


@given(st.text(max_size=100), st.none() | st.builds(Reporter, st.none() | st.text(max_size=20), st.none() | st.text()))
def test_what_is_sealed_opens_again(description: str, reporter: Reporter | None) -> None:
    sealer, personal = Sealer(KEY), Personal(description, reporter)
    sealed = sealer.seal(ID, personal)
    assert sealer.unseal(ID, bytes(sealed), sealed.key) == personal


def test_what_is_sealed_opens_with_its_key_for_its_report_and_unharmed_only() -> None:
    sealer, personal = Sealer(KEY), Personal("电话13812345678", None)
    sealed = sealer.seal(ID, personal)
    assert b"13812345678" not in bytes(sealed)
    assert sealed.key not in bytes(sealed)
    assert sealed != sealer.seal(ID, personal)
    for report, content, key in (
        (ID, sealed, os.urandom(32)),
        (ID, sealed, None),
        (UUID(int=1), sealed, sealed.key),
        (ID, sealed[:-1] + bytes([sealed[-1] ^ 1]), sealed.key),
        (ID, b"\x03" + sealed[1:], sealed.key),
        (ID, b"", sealed.key),
    ):
        with pytest.raises(CannotUnseal):
            sealer.unseal(report, content, key)


def test_what_an_older_program_sealed_is_still_read() -> None:
    own, text = os.urandom(32), orjson.dumps(("电话13812345678", ("王芳", None, None)))
    sealed = b"\x01" + encrypt(AESGCM(KEY), own, ID.bytes) + encrypt(AESGCM(own), text, ID.bytes)
    expected = Personal("电话13812345678", Reporter("王芳", None, None))
    assert Sealer(KEY).unseal(ID, sealed) == expected
    assert Sealer(os.urandom(32), [KEY]).unseal(ID, sealed) == expected
    for sealer, report in ((Sealer(os.urandom(32)), ID), (Sealer(KEY), UUID(int=1))):
        with pytest.raises(CannotUnseal):
            sealer.unseal(report, sealed)


def test_a_wrapped_key_says_under_which_key_it_lies() -> None:
    new = os.urandom(32)
    wrapped = Sealer(KEY).keys.wrap(b"secret", b"bound")
    both = Sealer(new, [KEY]).keys
    assert both.unwrap(wrapped, b"bound") == b"secret"
    assert not both.is_current(wrapped)
    assert both.is_current(both.wrap(b"secret", b"bound"))
    with pytest.raises(CannotUnseal, match="WANGGE_PERSONAL_OLD_KEYS"):
        Sealer(new).keys.unwrap(wrapped, b"bound")
    with pytest.raises(CannotUnseal):
        both.unwrap(wrapped, b"other")


def test_a_secret_that_an_older_program_locked_up_opens() -> None:
    old = encrypt(AESGCM(KEY), b"secret", b"subject")
    for sealer in (Sealer(KEY), Sealer(os.urandom(32), [KEY])):
        assert sealer.unlock(b"subject", old) == b"secret"
        assert sealer.unlock(b"subject", sealer.lock_up(b"subject", b"secret")) == b"secret"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"depth": 3, "dry": True, "tags": ["a", None, 1.5]}, None),
        ({"call": "13812345678"}, {"call": "138********"}),
        ({"call": 13812345678}, {"call": "138********"}),
        ({"plates": [{"no": "京A12345"}, "x"]}, {"plates": [{"no": "京A*****"}, "x"]}),
        ({"component": "11010801200300101", "n": 10**12}, None),
    ],
)
def test_attributes_are_masked_as_the_text_is(sent: dict[str, Any], kept: dict[str, Any] | None) -> None:
    report, personal = take(attributes=sent)
    if kept is None:
        assert report.attributes is sent
        assert personal is None
    else:
        assert report.attributes == kept
        assert personal == Personal("井盖破损", None, sent)


@pytest.mark.parametrize(
    ("reporter", "expected"),
    [
        (None, ()),
        (Reporter("王芳", None, None), ()),
        (Reporter(None, "138 1234 5678", None), ("phone:13812345678",)),
        (Reporter(None, "+86-138-1234-5678", "Wang@Example.ORG "), ("phone:13812345678", "email:wang@example.org")),
        (Reporter(None, "008613812345678", None), ("phone:13812345678",)),
        (
            Reporter(None, "１３８１２３４５６７８", "wang＠example.org"),
            ("phone:13812345678", "email:wang@example.org"),
        ),
        (Reporter(None, "(010) 8888-6666 转 12", None), ("phone:01088886666",)),
        (Reporter(None, "+86 10 8888 6666", None), ("phone:01088886666",)),
        (Reporter(None, "+1 212 555 0100", None), ("phone:12125550100",)),
        (Reporter(None, "家里", "nobody"), ()),
    ],
)
def test_a_person_is_known_again_however_the_number_is_written(reporter: Any, expected: tuple[str, ...]) -> None:
    assert identifiers(reporter) == expected


def test_the_installation_keeps_a_key_of_its_own_outside_production(tmp_path: Path) -> None:
    settings = IntakeSettings(data_dir=tmp_path)
    key = personal_key(settings)
    assert len(key) == 32
    assert personal_key(settings) == key
    assert (tmp_path / "personal.key").stat().st_mode & 0o777 == 0o600


def test_production_must_be_given_one(tmp_path: Path) -> None:
    with pytest.raises(BadInstallationKey, match="WANGGE_PERSONAL_KEY is needed"):
        personal_key(IntakeSettings(environment="production", data_dir=tmp_path))
    with pytest.raises(BadInstallationKey, match="32 bytes in base64"):
        personal_key(IntakeSettings(personal_key=SecretStr("short"), data_dir=tmp_path))
