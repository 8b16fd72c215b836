"""Field work: what may be recorded when, and what of it leaves the house."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest

from services.intake.api.activity_body import read_activity
from services.intake.domain.activity import (
    ActivityTimes,
    ActivityTooLate,
    Asked,
    NotUuid7,
    Person,
    Placed,
    check,
    conceal,
    record,
)
from services.intake.domain.report import InGrid
from shared.kernel.errors import Invalid, Malformed
from shared.kernel.ids import uuid7
from shared.kernel.place import Place

NOW = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
MONTH_AGO = NOW - timedelta(days=30)
PLACED = Placed("110108.012.003.001", ["110108.012.003.001"], Place(116.3, 39.9), None)


def asked(**fields) -> Asked:
    base = Asked(uuid7(), "visit", NOW - HOUR, NOW, InGrid("x"), [], {}, None, [], [])
    return base._replace(**fields)


def sent(kind: str, **fields) -> bytes:
    base = {
        "id": str(uuid7()),
        "kind": kind,
        "started_at": "2026-11-23T08:00:00+08:00",
        "ended_at": "2026-11-23T09:00:00+08:00",
    }
    return orjson.dumps({**base, **fields})


@pytest.mark.parametrize("days", [0, 29])
def test_it_may_come_late(days):
    check(asked(started_at=NOW - timedelta(days=days, hours=1), ended_at=NOW - timedelta(days=days)), NOW)


@pytest.mark.parametrize(
    ("fields", "refusal", "pointer"),
    [
        ({"id": uuid4()}, NotUuid7, "/id"),
        ({"started_at": MONTH_AGO - HOUR, "ended_at": MONTH_AGO}, ActivityTooLate, "/started_at"),
        ({"ended_at": NOW + timedelta(minutes=6)}, ActivityTimes, "/ended_at"),
        ({"started_at": NOW + HOUR, "ended_at": NOW + HOUR}, ActivityTimes, "/started_at"),
        ({"started_at": NOW, "ended_at": NOW - HOUR}, ActivityTimes, "/ended_at"),
        ({"started_at": NOW - timedelta(hours=25)}, ActivityTimes, "/ended_at"),
    ],
)  # fmt: skip
def test_times_and_ids_that_cannot_be_right_are_refused(fields, refusal, pointer):
    with pytest.raises(refusal) as refused:
        check(asked(**fields), NOW)
    assert refused.value.errors[0].pointer == pointer


def test_what_names_the_person_visited_is_masked_everywhere_and_kept_apart():
    person = Person("王秀英", "13800138000", "二里庄小区 4 号楼 502")
    details = {
        "note": "王秀英老人独居，电话 13800138000，住二里庄小区 4 号楼 502",
        "findings": [{"topic": "wish", "text": "王秀英希望加装扶手，儿子电话 13911112222"}],
        "household_class": 1,
    }
    activity, personal = record(asked(details=details, person=person), PLACED, worker="w", post="grid_worker", now=NOW)
    shown = orjson.dumps(activity.details).decode()
    for part in ("王秀英", "13800138000", "13911112222", "二里庄"):
        assert part not in shown
    assert activity.details["household_class"] == 1
    assert personal is not None
    assert personal.details == details
    assert personal.person == person


def test_nothing_personal_is_nothing_to_seal():
    activity, personal = record(asked(details={"note": "一切正常"}), PLACED, worker="w", post="p", now=NOW)
    assert (activity.details, personal) == ({"note": "一切正常"}, None)


def test_a_surname_alone_is_not_replaced_in_other_words():
    assert conceal("王府井大街 王", ["王"]) == "王府井大街 王"


GOOD: dict[str, dict[str, Any]] = {
    "patrol": {"track": [[116.3, 39.9, 0], [116.301, 39.9, 60.5]], "handled": 2},
    "visit": {"location": {"grid": "110108.012.003.001"}, "purpose": "key_person", "satisfied": True},
    "inspection": {
        "location": {"lon": 116.3, "lat": 39.9, "datum": "gcj02"}, "object": "顺达渔业", "object_kind": "enterprise",
        "result": "hazards", "hazards": [{"level": "major", "text": "灭火器过期", "rectify_by": "2026-12-01"}],
    },
    "diary": {"location": {"grid": "x"}, "content": "入户", "problem": "漏水", "handling": "修", "reflection": "多走"},
    "meeting": {"location": {"grid": "x"}, "form": "party_group", "subject": "月例会", "attendees": 12},
}  # fmt: skip


@pytest.mark.parametrize("kind", GOOD)
def test_each_kind_is_read(kind):
    read = read_activity(sent(kind, **GOOD[kind]))
    assert read.kind == kind
    assert not {"id", "kind", "track", "location", "person"} & read.details.keys()


@pytest.mark.parametrize(
    ("kind", "fields", "pointer"),
    [
        ("party", {}, "/kind"),
        ("patrol", {"track": [[116.3, 39.9, 0]]}, "/track"),
        ("patrol", {"track": [[116.3, 39.9, 0], [200, 39.9, 1]]}, "/track/1/0"),
        ("visit", {"household_class": 4}, "/household_class"),
        ("visit", {"location": {"grid": "x", "lon": 1.0}}, "/location"),
        ("visit", {"purpsoe": "x"}, "/purpsoe"),
        ("visit", {"note": "a\x00"}, "/note"),
        ("meeting", {"attendees": -1}, "/attendees"),
        ("inspection", {"hazards": []}, "/hazards"),
        ("diary", {"content": None}, "/content"),
    ],
)
def test_a_bad_field_is_pointed_at(kind, fields, pointer):
    with pytest.raises(Invalid) as refused:
        read_activity(sent(kind, **{**GOOD.get(kind, {}), **fields}))
    assert pointer in [error.pointer for error in refused.value.errors]


def test_what_is_no_json_is_malformed():
    with pytest.raises(Malformed):
        read_activity(b'{"kind": "patrol"')
