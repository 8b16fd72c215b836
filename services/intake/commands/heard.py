"""Facts of cases as intake's followers read them: decoded once for all of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from shared.bus.event import Record


class Heard(NamedTuple):
    """A fact's data, and when it was."""

    fact: Mapping[str, Any]
    at: datetime


def heard(records: Sequence[Record]) -> list[Heard]:
    return [Heard(orjson.loads(record.data), record.at) for record in records]
