"""What clients asked, were answered and heard: written down at once, so that a run can be taken up again."""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import orjson


class Asked(NamedTuple):
    """One request under one Idempotency-Key; `act` and `case` are None for a report."""

    path: str
    who: str
    act: str | None
    case: str | None
    revision: int | None


class Answered(NamedTuple):
    """`id` is the report's; `revision` and `version` are the case's after an act."""

    status: int
    id: str | None
    revision: int | None
    version: int | None
    slug: str | None


class Heard(NamedTuple):
    """One event of a stream or a webhook. `token` is the stream's; a webhook has none."""

    token: int
    id: str
    subject: str
    sequence: int
    routing_key: str
    type: str


class Poison(NamedTuple):
    """A bad record that we put on a topic: `kind` is how it must be parked. Undecodable ones have no subject."""

    topic: str
    partition: int
    offset: int
    subject: str | None
    sequence: int | None
    kind: str


@dataclass
class Book:
    """Keys → what was asked and each final answer to it. `heard`: listener → events, in the order they came."""

    path: Path
    asked: dict[str, Asked] = field(default_factory=dict)
    answered: dict[str, list[Answered]] = field(default_factory=lambda: defaultdict(list))
    heard: dict[str, list[Heard]] = field(default_factory=lambda: defaultdict(list))
    prefixes: dict[str, str] = field(default_factory=dict)
    resets: list[str] = field(default_factory=list)
    reconnects: int = 0
    poison: list[Poison] = field(default_factory=list)
    gone: list[Poison] = field(default_factory=list)  # poison that was dropped
    _file: TextIO | None = None

    def open(self) -> None:
        """Read what an earlier run wrote, and go on writing behind it."""
        if self.path.exists():
            for line in self.path.read_bytes().splitlines():
                try:
                    kind, *rest = orjson.loads(line)
                except orjson.JSONDecodeError:
                    continue  # the last line of a runner that was killed
                self._take(kind, rest)
        self._file = self.path.open("a", encoding="utf-8")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def ask(self, key: str, asked: Asked) -> None:
        self._note("asked", key, asked)

    def answer(self, key: str, answered: Answered) -> None:
        self._note("answered", key, answered)

    def hear(self, listener: str, heard: Heard) -> None:
        self._note("heard", listener, heard)

    def listen(self, listener: str, prefix: str) -> None:
        self._note("prefix", listener, [prefix])

    def send_poison(self, poison: Poison) -> None:
        self._note("poison", "", poison)

    def forget_poison(self) -> None:
        """It was dropped; from now on it is known by `gone` alone."""
        self._note("forget", "", [])

    def copy(self) -> "Book":
        """As it stands now: what is heard from here on is not in it."""
        heard = defaultdict(list, {name: list(found) for name, found in self.heard.items()})
        return replace(self, heard=heard, _file=None)

    def last_token(self, listener: str) -> int:
        """Where `listener` goes on; 0: from the oldest event kept."""
        heard = self.heard[listener]
        return heard[-1].token if heard else 0

    def _note(self, kind: str, name: str, what: Any) -> None:
        self._take(kind, [name, what])
        if self._file is not None:
            self._file.write(orjson.dumps([kind, name, list(what)]).decode() + "\n")
            self._file.flush()

    def _take(self, kind: str, rest: list[Any]) -> None:
        name, what = rest
        match kind:
            case "asked":
                self.asked.setdefault(name, Asked(*what))
            case "answered":
                self.answered[name].append(Answered(*what))
            case "heard":
                self.heard[name].append(Heard(*what))
            case "prefix":
                self.prefixes[name] = what[0]
            case "poison":
                self.poison.append(Poison(*what))
            case "forget":
                self.gone += self.poison
                self.poison = []
