"""The one small interface behind which both carriers stand."""

from collections.abc import Sequence
from typing import Literal, Protocol

from shared.bus.consumer import Subscription
from shared.bus.outbox import Outbox
from shared.contracts.topics import Topic
from shared.jobs import Job
from shared.kernel.errors import Unavailable
from shared.postgres import Pool


class CarrierRefused(Unavailable):
    """The carrier is not the one whose progress is stored; an operator has to say what is meant."""

    slug = "carrier-refused"
    title = "The event log is not the one this service was reading"
    title_zh = "事件日志与本服务此前读取的不一致"


class Carrier(Protocol):
    """Moves facts from outboxes to topics and hands them to subscriptions.

    `relay_job` and `consumer_job` each keep one connection of the pool for as long as they run.
    """

    kind: Literal["kafka", "embedded"]

    async def create_topics(self, topics: Sequence[Topic]) -> None:
        """Create what is missing; what exists stays as it is."""

    def relay_job(self, pool: Pool, outbox: Outbox) -> Job: ...

    def consumer_job(self, pool: Pool, subscription: Subscription) -> Job: ...

    async def check(self) -> None:
        """Raises CarrierRefused, in its words. A broker that is away is no reason to be taken out of service."""

    async def close(self) -> None: ...
