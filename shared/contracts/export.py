"""The contracts as files others can use: one JSON Schema a fact, and one AsyncAPI 3 document for all of them.

The files in `shared/contracts/schemas/` are committed. They say what was promised: exporting over them is refused when
the change is more than an addition (`breaking_changes`), and CI refuses when they are out of step with the models.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from shared.contracts import dispatch, evaluation, intake, notify
from shared.contracts.base import Fact
from shared.contracts.topics import ALL, BY_NAME, Topic

SCHEMAS = Path(__file__).with_name("schemas")
FACTS: tuple[type[Fact], ...] = (*intake.FACTS, *dispatch.FACTS, *evaluation.FACTS, *notify.FACTS)

# CloudEvents 1.0 attributes as they stand in the headers of a Kafka record (binary mode).
_HEADERS = {
    "ce_specversion": "1.0",
    "ce_id": "UUID; the same event always has the same id",
    "ce_source": "/wangge/<owner of the topic>",
    "ce_type": "the type, such as case.filed.v1",
    "ce_subject": "id of the case, report, area or key that the fact is about",
    "ce_time": "RFC 3339",
    "ce_sequence": "the subject's version, zero-padded to ten digits, contiguous from 1",
    "ce_partitionkey": "the routing key at birth; also the key of the record",
    "ce_routingkey": "area path of the grid now",
    "ce_routingkeyfrom": "area path that the subject left with this fact; only when it moved",
    "traceparent": "W3C trace context; only when traced",
}


class NotAdditive(Exception):
    """The models would break a reader of what was promised; `changes` says where."""

    def __init__(self, changes: list[str]) -> None:
        super().__init__("not an additive change: " + "; ".join(changes))
        self.changes = changes


def documents() -> dict[str, dict[str, Any]]:
    """File name → document, as the models stand now."""
    files = {f"{fact.TYPE}.json": _schema(fact) for fact in FACTS}
    files["asyncapi.json"] = _asyncapi()
    return files


def export(folder: Path = SCHEMAS) -> list[str]:
    """Write the files that changed and return their names. Raises NotAdditive, and then writes nothing."""
    fresh = documents()
    if changes := breaking_changes(read(folder), fresh):
        raise NotAdditive(changes)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, document in fresh.items():
        text = json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            written.append(name)
    return written


def out_of_step(folder: Path = SCHEMAS) -> list[str]:
    """Names of the files that differ from what the models say; empty when `export` has nothing to do."""
    kept, fresh = read(folder), documents()
    return sorted(name for name in kept.keys() | fresh.keys() if kept.get(name) != fresh.get(name))


def read(folder: Path = SCHEMAS) -> dict[str, dict[str, Any]]:
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def breaking_changes(old: Mapping[str, dict[str, Any]], new: Mapping[str, dict[str, Any]]) -> list[str]:
    """What a reader of `old` would stumble over in `new`, in words.

    Allowed: a new type, a new optional member, a new value of a list. Everything else breaks either those who read new
    records with the old schema or those who read old records with the new one.
    """
    changes = []
    for name, was in old.items():
        if name == "asyncapi.json":
            continue
        if name not in new:
            changes.append(f"{name}: the type is gone")
            continue
        changes += [f"{name}{change}" for change in _compare(was, new[name], was, new[name], "")]
    return changes


def _compare(
    old: Any, new: Any, old_root: dict[str, Any], new_root: dict[str, Any], path: str, depth: int = 0
) -> Iterator[str]:
    old, new = _resolve(old, old_root), _resolve(new, new_root)
    if depth > 20:
        return
    for keyword in ("type", "format", "const", "x-topic", "x-type"):
        if old.get(keyword) != new.get(keyword):
            yield f"{path or '/'}: {keyword} was {old.get(keyword)!r} and is now {new.get(keyword)!r}"
    if lost := [v for v in old.get("enum", []) if v not in new.get("enum", [])]:
        yield f"{path or '/'}: the values {lost} are gone"
    old_members, new_members = old.get("properties", {}), new.get("properties", {})
    old_required, new_required = set(old.get("required", [])), set(new.get("required", []))
    for member, was in old_members.items():
        if member not in new_members:
            yield f"{path}/{member}: the member is gone"
        else:
            yield from _compare(was, new_members[member], old_root, new_root, f"{path}/{member}", depth + 1)
    for member in sorted(old_required & new_members.keys() - new_required):
        yield f"{path}/{member}: was always there and may now be missing"
    for member in sorted(new_required - old_required):
        yield f"{path}/{member}: is now required, and old records lack it"
    for keyword in ("items", "additionalProperties"):
        if isinstance(old.get(keyword), dict) and isinstance(new.get(keyword), dict):
            yield from _compare(old[keyword], new[keyword], old_root, new_root, f"{path}/{keyword}", depth + 1)
    old_any, new_any = old.get("anyOf", []), new.get("anyOf", [])
    if len(old_any) != len(new_any):
        yield f"{path or '/'}: what it may be was {len(old_any)} alternatives and is now {len(new_any)}"
    else:
        for i, (a, b) in enumerate(zip(old_any, new_any, strict=True)):
            yield from _compare(a, b, old_root, new_root, f"{path}/anyOf/{i}", depth + 1)


def _resolve(schema: Any, root: dict[str, Any]) -> dict[str, Any]:
    if isinstance(schema, dict) and "$ref" in schema:
        return dict(root["$defs"][schema["$ref"].rsplit("/", 1)[1]])
    return dict(schema) if isinstance(schema, dict) else {}


def _schema(fact: type[Fact]) -> dict[str, Any]:
    schema = fact.model_json_schema(mode="serialization")
    # Serialised facts always carry every member; old ones may lack what came later, so defaults are not required.
    schema["required"] = sorted(name for name, field in fact.model_fields.items() if field.is_required())
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["x-topic"] = fact.TOPIC
    schema["x-type"] = fact.TYPE
    return schema


def _asyncapi() -> dict[str, Any]:
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Wangge 网格: facts",
            "version": "1",
            "description": "Every fact that the services publish, as CloudEvents 1.0 in binary mode over Kafka.",
        },
        "defaultContentType": "application/json",
        "channels": {_id(topic): _channel(topic) for topic in ALL},
        "operations": {
            f"publish_{_id(topic)}": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{_id(topic)}"},
                "summary": f"{topic.owner} alone writes this topic",
            }
            for topic in ALL
        },
        "components": {
            "messages": {fact.TYPE: _message(fact) for fact in FACTS},
            "messageTraits": {
                "cloudevent": {
                    "headers": {
                        "type": "object",
                        "properties": {n: {"type": "string", "description": d} for n, d in _HEADERS.items()},
                    }
                }
            },
        },
    }


def _id(topic: Topic) -> str:
    return "_".join(topic.name.split(".")[1:3])


def _channel(topic: Topic) -> dict[str, Any]:
    kept = "the newest record of each key, for ever" if topic.compacted else f"{topic.retention_days} days"
    return {
        "address": topic.name,
        "description": f"Owner: {topic.owner}. Kept: {kept}.",
        "messages": {f.TYPE: {"$ref": f"#/components/messages/{f.TYPE}"} for f in FACTS if BY_NAME[f.TOPIC] is topic},
        "bindings": {"kafka": {"topic": topic.name, "partitions": topic.partitions}},
    }


def _message(fact: type[Fact]) -> dict[str, Any]:
    return {
        "name": fact.TYPE,
        "summary": (fact.__doc__ or fact.TYPE).strip().splitlines()[0],
        "contentType": "application/json",
        "traits": [{"$ref": "#/components/messageTraits/cloudevent"}],
        "payload": {"$ref": f"./{fact.TYPE}.json"},
    }
