"""Kafka behind the carrier's interface."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from aiokafka.errors import KafkaError

from shared.bus.carrier import CarrierRefused
from shared.bus.consumer import Subscription
from shared.bus.kafka.cluster import create_topics
from shared.bus.kafka.producer import KafkaMover
from shared.bus.kafka.source import KafkaSource
from shared.bus.loop import Reader, Source
from shared.bus.outbox import Outbox
from shared.bus.relay import Relay
from shared.bus.trouble import Trouble
from shared.contracts.topics import Topic
from shared.jobs import Job
from shared.postgres import Pool

if TYPE_CHECKING:
    from shared.settings import Settings


class KafkaCarrier:
    """Every job has clients of its own; nothing is connected before one runs."""

    kind: Literal["kafka", "embedded"] = "kafka"

    def __init__(self, settings: "Settings") -> None:
        # aiokafka logs every failed attempt, dozens a second while a broker is away; the jobs say it once.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        self._settings = settings
        self._refused: dict[str, CarrierRefused] = {}

    async def create_topics(self, topics: Sequence[Topic]) -> None:
        await create_topics(self._settings, topics)

    def relay_job(self, pool: Pool, outbox: Outbox) -> Job:
        name = f"relay {outbox.schema}"
        relay = Relay(pool, outbox, KafkaMover(self._settings), Trouble(name, _is_broker_trouble))
        return Job(name, relay.run)

    def consumer_job(self, pool: Pool, subscription: Subscription) -> Job:
        name = f"reader {subscription.schema}:{subscription.group}"

        def source() -> Source:
            return KafkaSource(self._settings, subscription)

        return Job(name, Reader(pool, subscription, source, Trouble(name, _is_broker_trouble), self._refused).run)

    async def check(self) -> None:
        for refused in self._refused.values():
            raise refused

    async def close(self) -> None:
        """Every job closes its own clients."""


def _is_broker_trouble(error: BaseException) -> bool:
    return isinstance(error, KafkaError)
