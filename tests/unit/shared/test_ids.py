"""Ids sort in the order they were made; tracking codes are read aloud."""

import pickle
from datetime import UTC, datetime
from uuid import UUID

from shared.kernel.ids import TRACKING_ALPHABET, tracking_code, tracking_hash, uuid7


def test_ids_of_one_process_are_version_7_unique_and_rising():
    ids = [uuid7() for _ in range(20_000)]
    assert all(i.version == 7 and i.variant == "specified in RFC 4122" for i in ids[:100])
    assert ids == sorted(set(ids))


def test_an_id_is_like_any_other_uuid():
    made = uuid7()
    other = UUID(str(made))
    assert (made, hash(made), repr(made), made.bytes, made.is_safe) == (
        other, hash(other), repr(other), other.bytes, other.is_safe,
    )  # fmt: skip
    assert pickle.loads(pickle.dumps(made)) == made


def test_an_id_carries_its_instant():
    at = datetime(2026, 11, 23, 2, 30, 0, 123_000, tzinfo=UTC)
    assert uuid7(at).int >> 80 == int(at.timestamp() * 1000)


def test_a_tracking_code_is_unambiguous_and_its_hash_forgives_how_it_is_typed():
    code = tracking_code()
    assert len(code) == 12
    assert set(code) <= set(TRACKING_ALPHABET)
    assert not set("01OILUV") & set(TRACKING_ALPHABET)
    typed = f"{code[:4]}-{code[4:8]} {code[8:]}".lower()
    assert tracking_hash(typed) == tracking_hash(code) != tracking_hash(tracking_code())
