"""What a service reads: which topics, as which group, and what is called with the records."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from shared.bus.event import Record
from shared.contracts import topics as contract
from shared.postgres import Connection

# Called inside the inbox transaction with a batch of ONE topic's records of the wanted types: deduplicated, contiguous
# and in order within each subject. It writes through the connection it is given and nowhere else; it may be called
# again with the same records after its transaction was rolled back.
Handler: TypeAlias = Callable[[Connection, Sequence[Record]], Awaitable[None]]

COMPACTED = frozenset(topic.name for topic in contract.ALL if topic.compacted)


@dataclass(frozen=True, slots=True)
class Subscription:
    """`group` names the progress in `schema`; `types` are the wanted event types (none: all of them).

    `after` is called after each commit (for instance `outbox.ring`). Of the topics in `latest` a subject's newest
    version alone matters, so a version may be missing; in all others the versions are applied without gaps.

    `gather_ms` is for a group that nobody waits for: so long its records may gather before it takes its turn, with all
    of them at once. A turn costs a dozen round trips however few records it has, and those in a hurry are next to it.
    """

    group: str
    schema: str
    topics: Mapping[str, Handler]
    types: frozenset[str] | None = None
    after: Callable[[], None] | None = None
    latest: frozenset[str] = field(default=COMPACTED)
    gather_ms: int = 0
