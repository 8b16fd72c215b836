"""What must hold of a case 案卷 that another system closed, before it is taken in."""

from datetime import UTC, datetime
from typing import NamedTuple

from services.dispatch.domain.history import (
    CHECK_SENT,
    CHECKED,
    CLOSED,
    DISPATCHED,
    FILED,
    HANDLED,
    OUTCOMES,
    REPORTED,
    SENT,
    STEPS,
    VERIFIED,
    Told,
    limit_of,
)
from services.dispatch.domain.rules import Rules

# What a step cannot be without: `verified_at` needs `verification_requested_at`.
_NEEDS = (
    (VERIFIED, SENT),
    (DISPATCHED, FILED),
    (HANDLED, DISPATCHED),
    (CHECK_SENT, HANDLED),
    (CHECKED, CHECK_SENT),
)
_ALL_NEED = {REPORTED: "every case was reported", CLOSED: "every case came to an end"}
_CLOSED_NEEDS = _ALL_NEED | dict.fromkeys((FILED, DISPATCHED, HANDLED), "a closed case was filed, dispatched, handled")
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


class Wrong(NamedTuple):
    """What is not right about one field of a case: why, and what would be right."""

    field: str
    why: str
    right: str


def wrong_with(told: Told, rules: Rules, now: datetime) -> list[Wrong]:
    """Everything that does not fit together; nothing for a case that can be taken in."""
    return [*_missing_times(told), *_out_of_order(told, now), *_wrong_handling(told, rules)]


def _missing_times(told: Told) -> list[Wrong]:
    times = told.times
    needed = dict(_CLOSED_NEEDS if told.outcome == OUTCOMES[0] else _ALL_NEED)
    for step, before in _NEEDS:
        if times[step] is not None and times[before] is None:
            needed.setdefault(before, f"{STEPS[step]}_at is given")
    found = [
        Wrong(f"{STEPS[step]}_at", f"missing: {why}", "a time such as 2019-03-01 08:30:00")
        for step, why in needed.items()
        if times[step] is None
    ]
    if told.outcome == OUTCOMES[1]:
        found += [
            Wrong(f"{STEPS[step]}_at", "a rejected case was never filed", "empty, or another outcome")
            for step in range(FILED, CLOSED)
            if times[step] is not None
        ]
    return found


def _out_of_order(told: Told, now: datetime) -> list[Wrong]:
    found: list[Wrong] = []
    earlier, before = "", _EARLIEST
    for step, at in zip(STEPS, told.times, strict=True):
        if at is None:
            continue
        if at < before:
            why = f"earlier than {earlier}_at" if earlier else "before 1970"
            found.append(Wrong(f"{step}_at", why, f"{before.isoformat()} or later"))
        elif at > now:
            found.append(Wrong(f"{step}_at", "in the future", "a time that has passed"))
        earlier, before = step, at
    return found


def _wrong_handling(told: Told, rules: Rules) -> list[Wrong]:
    """Unit, limit, deadline, and the counts of what happened between dispatch and disposal."""
    found: list[Wrong] = []
    dispatched, handled = told.times[DISPATCHED] is not None, told.times[HANDLED] is not None
    if dispatched and told.unit is None:
        found.append(Wrong("unit", "missing: dispatched_at is given", "the code of a handling unit"))
    if not dispatched:
        found += _given_too_early(told, "dispatched", "unit", "first_unit", "due_at", "suspended")
    if not handled:
        found += _given_too_early(told, "handled", "rework", "evidence_refused")
    if dispatched and told.returned and told.on_time[DISPATCHED] is None:
        why = "missing: the last dispatch is measured from when the first unit returned the case, which is not told"
        found.append(Wrong("dispatched_on_time", why, "true or false"))
    if handled and told.on_time[HANDLED] is None and told.due_at is None:
        if told.paused:
            why = "missing: while the case was suspended or checked its clock stood, for how long is not told"
            found.append(Wrong("due_at", why, "the deadline with all that was added to it, or handled_on_time"))
        elif limit_of(told, rules) is None:
            why = "missing: without a limit nobody knows whether the case was handled in time"
            found.append(Wrong("limit_amount", why, "amount and unit, or else condition, due_at or handled_on_time"))
    return found


def _given_too_early(told: Told, verb: str, *fields: str) -> list[Wrong]:
    why, right = f"the case was not {verb}", f"empty, or give {verb}_at"
    return [Wrong(field, why, right) for field in fields if getattr(told, field)]
