"""Follow requests: what a case's facts tell the readers of Open311, in one transaction with the status of reports."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.intake.commands.heard import Heard
from services.intake.domain.masking import mask
from services.intake.domain.open311 import ANSWERS, MOVES, TOLD, is_open
from services.intake.store import open311_following as store
from services.intake.store.open311_following import Move, Step
from shared.contracts.handover import Belonging, belongings
from shared.postgres import Connection


async def follow_requests(tx: Connection, facts: Sequence[Heard]) -> None:
    """Note the steps that a reporter would want to hear of, and move the requests whose case begins, ends or changes.

    Most facts are one row here, however many reports their case has.
    """
    steps: list[Step] = []
    moves: dict[str, tuple[Belonging, Move]] = {}
    for fact, _ in facts:
        act = fact.get("act")
        told = act in TOLD
        if told:
            steps.append(_step(fact, fact["act"]))
        if act in MOVES or fact.get("new_reports") or (told and not is_open(fact["status"])):
            _take(fact, moves)
    if steps:
        await store.add_steps(tx, steps)
    if moves:
        await store.move(tx, sorted(move for _, move in moves.values()))


def _step(fact: Mapping[str, Any], act: str) -> Step:
    said = (fact.get("result") or fact.get("opinion")) if act in ANSWERS else None
    return Step(
        UUID(fact["case_id"]),
        fact["version"],
        datetime.fromisoformat(fact["at"]),
        act,
        fact["status"],
        fact.get("unit"),
        _instant(fact.get("due_at")),
        mask(said) if said else None,
    )


def _take(fact: Mapping[str, Any], moves: dict[str, tuple[Belonging, Move]]) -> None:
    """Facts of a case come in order; which of two cases has a report is the rule that every follower keeps."""
    for report, now in belongings(fact).items():
        known = moves.get(report)
        if known and known[0].case_id == now.case_id:
            now = now._replace(handed=known[0].handed or now.handed)
        elif known and not known[0].yields_to(now):
            continue
        move = Move(UUID(report), UUID(now.case_id), now.handed, is_open(fact["status"]), fact["category"])
        moves[report] = (now, move)


def _instant(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)
