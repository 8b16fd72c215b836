"""Components as COPY takes them, by the thousand.

Rows are written as COPY's text format where they are made, in the process that reads the file: what stores them has
then nothing to do but to hand bytes on, while the next batch is being read.
"""

import io
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import orjson

from services.intake.domain.component import Component, fingerprint
from shared.postgres import Connection

COLUMNS = (
    "version", "code", "cell", "fingerprint", "former_code", "successor", "lon", "lat", "surveyed_on", "changed_on",
    "kind", "area", "state", "name", "authority", "authority_name", "owner", "owner_name", "maintainer",
    "maintainer_name", "data_source", "note", "by", "attributes",
)  # fmt: skip


class Rows(NamedTuple):
    """Components, each with its code, its fingerprint, and a line of COPY as its first version."""

    codes: Sequence[int]
    prints: Sequence[int]
    lines: bytes


def rows_of(components: Iterable[Component], by: str) -> Rows:
    """`by` is who says so."""
    codes, prints, lines = [], [], []
    writer = _text(by)
    for component in components:
        found = fingerprint(component)
        codes.append(component.code)
        prints.append(found)
        lines.append(_line(component, found, writer))
    return Rows(codes, prints, "".join(lines).encode())


def again(line: bytes, version: int) -> bytes:
    """The line of a first version as that of a later one."""
    return str(version).encode() + line[1:]


def _line(c: Component, found: int, by: str) -> str:
    fields = (
        "1",
        str(c.code),
        str(c.cell),
        str(found),
        _null(c.former_code),
        _null(c.successor),
        repr(c.lon),
        repr(c.lat),
        _null(c.surveyed_on),
        _null(c.changed_on),
        c.kind,
        c.area,
        c.state,
        _text(c.name),
        _text(c.authority),
        _text(c.authority_name),
        _text(c.owner),
        _text(c.owner_name),
        _text(c.maintainer),
        _text(c.maintainer_name),
        _text(c.data_source),
        _text(c.note),
        by,
        "\\N" if c.attributes is None else _text(orjson.dumps(c.attributes).decode()),
    )
    return "\t".join(fields) + "\n"


def _null(value: object) -> str:
    return "\\N" if value is None else str(value)


def _text(value: str | None) -> str:
    """As COPY reads it: backslash, tab and the ends of lines stand for themselves only when escaped."""
    if value is None:
        return "\\N"
    value = value.replace("\\", "\\\\") if "\\" in value else value
    if value.isprintable():
        return value
    return value.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


async def add(tx: Connection, lines: bytes) -> None:
    await tx.copy_to_table("components", schema_name="intake", columns=COLUMNS, source=io.BytesIO(lines))
