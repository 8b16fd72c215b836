"""A clock as JSON, and back: compact, because every act writes the clocks of its case anew.

Durations are microseconds, instants microseconds of Unix time; what is false, not set or follows from the rest is left
out. Rows of older programs are read, and theirs of newer ones: `warn_at`, `due_at`, `warned` and `overdue` stay.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from services.dispatch.domain.clocks import Ahead, Spell, Stage, StageClock
from services.dispatch.domain.steps import RED, YELLOW

_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def clock_json(clock: StageClock) -> dict[str, Any]:
    """The members of one clock; its stage is the key that it stands under."""
    told: dict[str, Any] = {
        name: value
        for name, value in (
            ("limit", clock.limit // _MICROSECOND),
            ("continuous", clock.continuous),
            ("generation", clock.generation),
            ("spent", clock.spent // _MICROSECOND),
            ("since", clock.since and _micros(clock.since)),
            ("warn_at", _micros(clock.warn_at)),
            ("due_at", _micros(clock.due_at)),
            ("warned", clock.warned),
            ("overdue", clock.overdue),
            ("calendar", clock.calendar),
        )
        if value
    }
    if clock.reached not in (0, YELLOW.percent, RED.percent):
        told["reached"] = clock.reached
    # Yellow and red have their own instants.
    if clock.ahead is not None and clock.ahead.percent not in (YELLOW.percent, RED.percent):
        told["ahead"] = [clock.ahead.percent, _micros(clock.ahead.at)]
    if clock.edition is not None:
        told["edition"] = clock.edition
    if clock.spells:
        told["spells"] = [[_micros(s.start), _micros(s.end), s.measured // _MICROSECOND] for s in clock.spells]
    return told


def clock_of(stage: str, stored: Mapping[str, Any]) -> StageClock:
    """The clock that `clock_json` wrote."""
    warned, overdue = stored.get("warned", False), stored.get("overdue", False)
    clock = StageClock(
        stage=Stage(stage),
        limit=stored.get("limit", 0) * _MICROSECOND,
        continuous=stored.get("continuous", False),
        generation=stored.get("generation", 0),
        spent=stored.get("spent", 0) * _MICROSECOND,
        since=_instant(stored["since"]) if stored.get("since") else None,
        warn_at=_instant(stored["warn_at"]),
        due_at=_instant(stored["due_at"]),
        reached=stored.get("reached") or (RED.percent if overdue else YELLOW.percent if warned else 0),
        calendar=stored.get("calendar", ""),
        edition=stored.get("edition"),
        spells=tuple(
            Spell(_instant(start), _instant(end), measured * _MICROSECOND)
            for start, end, measured in stored.get("spells", ())
        ),
    )
    told = stored.get("ahead")
    ahead = Ahead(told[0], _instant(told[1])) if told else _usually_ahead(clock)
    # Just made, and nobody else has it: a second clock for one field would cost more than all of the above.
    clock.__dict__["ahead"] = ahead
    return clock


def _usually_ahead(clock: StageClock) -> Ahead | None:
    """Yellow, then red, then nothing."""
    if clock.since is None or clock.overdue:
        return None
    return Ahead(RED.percent, clock.due_at) if clock.warned else Ahead(YELLOW.percent, clock.warn_at)


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _instant(stored: int | str) -> datetime:
    # Rows of the first weeks have RFC 3339 text.
    return datetime.fromisoformat(stored) if isinstance(stored, str) else _EPOCH + stored * _MICROSECOND
