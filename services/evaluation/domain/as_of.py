"""What of a case depends on the instant one looks at it. The SQL of the score cards says the same (tested to)."""

from datetime import datetime, timedelta

from services.evaluation.domain.case_count import CaseCount
from services.evaluation.domain.indicators import STORED

STOCK_AFTER = timedelta(days=60)
"""Suspended for longer than this is 积存 [E]."""


def counters_at(count: CaseCount, as_of: datetime) -> dict[str, int]:
    """Every counter of one case that is not a sum of others."""
    late = count.due_at is not None and count.due_at < as_of
    waits = count.to_dispose == 1
    stock = count.suspended_at is not None and count.suspended_at < as_of - STOCK_AFTER
    found = {name: int(getattr(count, name)) for name in STORED}
    return {
        **found,
        "intime_to_dispose": int(waits and not late),
        "overtime_to_dispose": int(waits and late),
        "stock": int(stock),
    }
