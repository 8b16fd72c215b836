"""Which facts of a case its reporters are told of 告知."""

from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

# By the fact's type, so that what the system does by itself counts as what a desk does. The words are names of texts in
# the pack.
TEMPLATES: Final = {
    "case.filed.v1": "filed",
    "case.dispatched.v1": "dispatched",
    "case.closed.v1": "closed",
    "case.self_handled.v1": "closed",
    "case.declined.v1": "rejected",
    "case.filing_refused.v1": "rejected",
}


class Due(NamedTuple):
    """A report whose reporter is to be told; where its case is, and since when."""

    report_id: UUID
    template: str
    routing_key: str
    at: datetime
