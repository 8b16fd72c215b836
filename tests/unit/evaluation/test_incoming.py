from pathlib import Path

import orjson
import pytest

from services.evaluation.incoming import UnreadableFact, read_area, read_fact
from shared.contracts import dispatch
from tests.unit.evaluation.histories import History

GOLDEN = Path(__file__).parents[2] / "contract" / "golden"


@pytest.mark.parametrize("model", dispatch.FACTS, ids=lambda model: model.TYPE)
def test_reads_what_dispatch_publishes(model: type[dispatch.CaseFact]) -> None:
    data = (GOLDEN / f"{model.TYPE}.json").read_bytes()
    published = model.model_validate_json(data)
    fact = read_fact(model.TYPE, data).fact
    shared = set(fact._fields) & set(model.model_fields) - {"stage", "limit_s"}  # those of the clock, below
    assert {name: getattr(fact, name) for name in shared} == {name: getattr(published, name) for name in shared}
    assert fact.kind == model.TYPE.split(".")[1]
    assert (fact.stage, fact.used_s) == (
        (published.clock.stage, published.clock.used_s) if published.clock else (None, None)
    )


def test_a_type_of_a_later_version_is_kept_and_not_understood() -> None:
    (_, data) = History().acts("open").published[0]
    assert read_fact("case.opened.v2", data).fact.kind == ""
    assert read_fact("case.praised.v1", data).fact.kind == "praised"


@pytest.mark.parametrize("field", ["case_id", "version", "at", "actor", "status", "routing_key", "category", "number"])
def test_a_fact_without_a_field_is_refused_by_its_name(field: str) -> None:
    fact = orjson.loads(History().acts("open").published[0][1])
    del fact[field]
    with pytest.raises(UnreadableFact, match=field):
        read_fact("case.opened.v1", orjson.dumps(fact))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"7", b"null", b'{"case_id": 7}', b'{"case_id": "x"}'])
def test_what_is_no_fact_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableFact):
        read_fact("case.opened.v1", data)
    with pytest.raises(UnreadableFact):
        read_area("area.defined.v1", data)


@pytest.mark.parametrize("at", ["2026-11-23T02:00:00", "yesterday", "", 7])
def test_a_time_without_an_offset_is_refused(at: object) -> None:
    fact = orjson.loads(History().acts("open").published[0][1])
    with pytest.raises(UnreadableFact):
        read_fact("case.opened.v1", orjson.dumps({**fact, "at": at}))
