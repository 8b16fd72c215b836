"""A fact keeps everything it says on its way through headers, and what is no fact is told why."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bus.event import SHARDS, Event, Record, Undecodable, decode, headers_of, shard_of
from shared.bus.outbox import COLUMNS, MAX_DATA_BYTES, TYPES, FactTooLarge, columns, insert_sql, rows, values_sql
from shared.bus.parking import parked_record, parked_row
from shared.bus.sequence import Park

AT = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
RECORDS = st.builds(
    Record,
    topic=st.just("wangge.dispatch.cases.v1"),
    partition=st.just(3),
    offset=st.just(17),
    key=WORDS,
    id=st.uuids().map(str),
    type=WORDS,
    source=st.just("/wangge/dispatch"),
    subject=WORDS,
    sequence=st.integers(1, 2**31 - 1),
    routing_key=WORDS,
    routing_key_from=st.none() | WORDS,
    at=st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=8))])),
    data=st.binary(max_size=50),
    traceparent=st.none() | WORDS,
)


def headers(r: Record) -> list[tuple[str, bytes]]:
    about = (r.type, r.subject, r.sequence, r.key, r.routing_key, r.routing_key_from, r.at, r.traceparent)
    return headers_of(r.source.encode(), r.id, *about)


@given(RECORDS)
def test_headers_carry_the_whole_fact(record: Record) -> None:
    assert decode(record.topic, 3, 17, record.key.encode(), headers(record), record.data) == record


@given(RECORDS)
def test_a_parked_record_comes_back_as_it_was(record: Record) -> None:
    topic, partition, offset, _, _, _, _, _, key, shown, value = parked_row(Park(record, "gap"))
    assert parked_record(topic, partition, offset, key, orjson.loads(orjson.dumps(shown)), value) == record


@given(st.lists(st.tuples(st.text(max_size=12), st.binary(max_size=12))), st.none() | st.binary(max_size=9))
def test_whatever_arrives_is_decoded_or_told_why_not(odd: list[tuple[str, bytes]], value: bytes | None) -> None:
    found = decode("t", 0, 0, None, odd, value)
    assert isinstance(found, Undecodable)
    assert found.error


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ce_specversion", b"0.3", "specversion"),
        ("ce_sequence", b"one", "invalid literal"),
        ("ce_sequence", b"0", "out of range"),
        ("ce_sequence", b"99999999999", "out of range"),
        ("ce_time", b"yesterday", "Invalid isoformat"),
        ("ce_time", b"2026-11-23T10:00:00", "no offset"),
        ("ce_subject", b"", "subject"),
        ("ce_subject", b"a\0b", "subject"),
        ("ce_subject", b"\xff", "utf-8"),
    ],
)
def test_a_wrong_header_is_named(name: str, value: bytes, words: str) -> None:
    right = Record(
        "t", 0, 0, "k", "i", "x.v1", "/wangge/t", "s", 1, "k", None, datetime(2026, 1, 1, tzinfo=UTC), b"", None
    )
    wrong = [(each, value if each == name else said) for each, said in headers(right)]
    found = decode("t", 0, 0, b"k", wrong, b"{}")
    assert isinstance(found, Undecodable)
    assert words in found.error


def test_the_structured_form_is_a_cloud_event() -> None:
    at = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
    record = Record("t", 0, 0, "1.2", "i", "x.v1", "/wangge/t", "s", 7, "1.2", "1.3", at, b'{"a": 1}', "00-trace")
    assert orjson.loads(record.structured()) == {
        "specversion": "1.0",
        "id": "i",
        "source": "/wangge/t",
        "type": "x.v1",
        "subject": "s",
        "time": "2026-11-23T10:00:00+00:00",
        "sequence": "0000000007",
        "partitionkey": "1.2",
        "routingkey": "1.2",
        "routingkeyfrom": "1.3",
        "traceparent": "00-trace",
        "datacontenttype": "application/json",
        "data": {"a": 1},
    }


@given(WORDS)
def test_a_key_has_one_shard(key: str) -> None:
    assert 0 <= shard_of(key) < SHARDS
    assert shard_of(key) == shard_of(key)


def test_the_insert_names_its_parameters_from_where_it_is_told() -> None:
    assert "$5::smallint[]" in insert_sql("intake", 5)
    assert "$16::bytea[]" in insert_sql("intake", 5)
    assert values_sql("intake", "saved", ["($1)", "($2)"]).endswith(" FROM saved, (VALUES ($1), ($2)) AS n")


def test_an_event_is_a_row_and_its_columns() -> None:
    events = [Event("t", "k", UUID(int=n), "x.v1", "s", n, "k", None, AT, b"{}", "00-trace") for n in (1, 2)]
    found = rows(events)
    assert found[1] == (shard_of("k"), "t", "k", UUID(int=2), "x.v1", "s", 2, "k", None, AT, "00-trace", b"{}")
    assert len(COLUMNS) == len(TYPES) == len(found[0])
    assert columns(events)[3] == (UUID(int=1), UUID(int=2))


def test_a_fact_that_no_topic_takes_is_refused_before_it_stops_its_shard() -> None:
    event = Event("t", "k", UUID(int=1), "x.v1", "s", 1, "k", None, AT, b"a" * (MAX_DATA_BYTES + 1))
    with pytest.raises(FactTooLarge):
        columns([event])
