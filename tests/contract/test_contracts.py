"""What was promised to readers of our events stays promised."""

import copy
from pathlib import Path

import orjson
import pytest

from shared.contracts import export
from shared.contracts.topics import BY_NAME

GOLDEN = Path(__file__).with_name("golden")


def test_the_committed_schemas_are_what_the_models_say():
    assert export.out_of_step() == [], "run `wangge contracts export` and commit what it writes"


@pytest.mark.parametrize("fact", export.FACTS, ids=lambda fact: fact.TYPE)
def test_a_golden_message_of_each_type_is_still_read_and_written_the_same(fact):
    golden = orjson.loads((GOLDEN / f"{fact.TYPE}.json").read_bytes())
    written = orjson.loads(fact.model_validate(golden).model_dump_json())
    # A member that was added since is not in an old message, and has a value all the same.
    assert _known_to(golden, written) == golden


def _known_to(golden, written):
    """`written` without the members, at any depth, that `golden` lacks."""
    if isinstance(golden, dict) and isinstance(written, dict):
        return {name: _known_to(golden[name], value) for name, value in written.items() if name in golden}
    if isinstance(golden, list) and isinstance(written, list) and len(golden) == len(written):
        return [_known_to(a, b) for a, b in zip(golden, written, strict=True)]
    return written


@pytest.mark.parametrize("fact", export.FACTS, ids=lambda fact: fact.TYPE)
def test_readers_ignore_what_they_do_not_know(fact):
    golden = orjson.loads((GOLDEN / f"{fact.TYPE}.json").read_bytes())
    assert fact.model_validate({**golden, "member_of_the_future": 1}) == fact.model_validate(golden)


def test_every_fact_is_on_a_topic_of_ours_with_a_type_of_its_own():
    assert {fact.TOPIC for fact in export.FACTS} <= BY_NAME.keys()
    assert len({fact.TYPE for fact in export.FACTS}) == len(export.FACTS)


def _drop_member(schema):
    del schema["properties"]["number"]
    schema["required"].remove("number")


def _change_type(schema):
    schema["properties"]["version"]["type"] = "string"


def _make_optional(schema):
    schema["required"].remove("status")


def _require_more(schema):
    schema["properties"]["mood"] = {"type": "string"}
    schema["required"].append("mood")


def _change_nested(schema):
    schema["$defs"]["ClockState"]["properties"]["limit_s"]["type"] = "string"


def _move_topic(schema):
    schema["x-topic"] = "wangge.dispatch.other.v1"


HARMS = [_drop_member, _change_type, _make_optional, _require_more, _change_nested, _move_topic]


@pytest.mark.parametrize("harm", HARMS)
def test_a_change_that_would_break_a_reader_is_named(harm):
    old = export.documents()
    new = copy.deepcopy(old)
    harm(new["case.filed.v1.json"])
    changes = export.breaking_changes(old, new)
    assert changes
    assert all(change.startswith("case.filed.v1.json") for change in changes)


def test_a_type_that_disappears_is_named():
    old = export.documents()
    new = {name: schema for name, schema in old.items() if name != "case.filed.v1.json"}
    assert export.breaking_changes(old, new) == ["case.filed.v1.json: the type is gone"]


def test_an_addition_is_no_break():
    old = export.documents()
    new = copy.deepcopy(old)
    new["case.filed.v1.json"]["properties"]["mood"] = {"type": "string"}
    new["case.praised.v1.json"] = new["case.filed.v1.json"]
    assert export.breaking_changes(old, new) == []


def test_exporting_over_a_promise_is_refused_and_writes_nothing(tmp_path):
    export.export(tmp_path)
    promised = tmp_path / "case.filed.v1.json"
    schema = orjson.loads(promised.read_bytes())
    schema["properties"]["promised"] = {"type": "string"}
    promised.write_bytes(orjson.dumps(schema))
    before = promised.read_bytes()
    with pytest.raises(export.NotAdditive, match="/promised: the member is gone"):
        export.export(tmp_path)
    assert promised.read_bytes() == before
