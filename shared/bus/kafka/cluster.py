"""Which cluster and which topics these are, and how to connect to them."""

import ssl
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, KafkaError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from shared.contracts.topics import Topic

if TYPE_CHECKING:
    from shared.settings import Settings

# Below the ten seconds after which Postgres ends the session of a relay that asks for nothing.
REQUEST_MS = 8_000
TOPIC_EXISTS = 36


def connection_options(settings: "Settings") -> dict[str, Any]:
    """What every client is told: where, and with which encryption and credentials."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap,
        "security_protocol": settings.kafka_security,
        "request_timeout_ms": REQUEST_MS,
        "retry_backoff_ms": 100,
    }
    if settings.kafka_security.endswith("SSL"):
        options["ssl_context"] = ssl.create_default_context(cafile=settings.kafka_ca_file)
    if settings.kafka_security.startswith("SASL"):
        password = settings.kafka_password
        options |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_username,
            "sasl_plain_password": password.get_secret_value() if password else None,
        }
    return options


async def create_topics(settings: "Settings", topics: Sequence[Topic]) -> None:
    """Create what is missing. Raises the broker's refusal of a topic."""
    admin = AIOKafkaAdminClient(**connection_options(settings))
    try:
        await admin.start()
        wanted = [
            NewTopic(
                topic.name,
                topic.partitions,
                settings.kafka_replication,
                topic_configs={"cleanup.policy": "compact"}
                if topic.compacted
                else {"cleanup.policy": "delete", "retention.ms": str(topic.retention_days * 86_400_000)},
            )
            for topic in topics
        ]
        answer = await admin.create_topics(wanted)
        for name, code, *words in answer.topic_errors:
            if code not in (0, TOPIC_EXISTS):
                raise for_code(code)(f"topic {name} cannot be created: {words[0] if words else code}")
    finally:
        await admin.close()


class Identity(NamedTuple):
    """The cluster's id, and the id of each topic asked for that exists. A topic created again has another."""

    cluster: str
    topics: Mapping[str, str]


class ClusterView:
    """One connection to ask who is there."""

    def __init__(self, settings: "Settings") -> None:
        self._client = AIOKafkaClient(**connection_options(settings))

    async def start(self) -> None:
        await self._client.bootstrap()

    async def identity(self, topics: Sequence[str]) -> Identity:
        """Raises KafkaError."""
        node = self._client.get_random_node()
        if node is None:
            raise KafkaConnectionError("no broker is known")
        try:
            answer = await self._client.send(node, _MetadataRequest(topics))
        except (OSError, TimeoutError) as error:
            raise KafkaConnectionError(str(error)) from error
        found = {}
        for code, name, topic_id, *_ in answer.topics:
            if code == 0:
                found[name] = topic_id
            elif code != 3:  # unknown topic: the caller misses it
                raise _error(code)
        return Identity(answer.cluster_id, found)

    async def close(self) -> None:
        await self._client.close()


def _error(code: int) -> KafkaError:
    kind: type[KafkaError] = for_code(code)
    return kind()


# Metadata version 10 (Apache Kafka protocol guide), the first that carries topic ids; aiokafka 0.14 stops at 5.


class _Uuid(AbstractType[str]):  # type: ignore[misc]
    @classmethod
    def encode(cls, value: str) -> bytes:
        return UUID(value).bytes

    @classmethod
    def decode(cls, data: BytesIO) -> str:
        return str(UUID(bytes=data.read(16)))


_TEXT = CompactString("utf-8")


class _MetadataResponse10(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(("node_id", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT), ("tags", TaggedFields)),
        ),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", _TEXT),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _MetadataRequest10(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 10
    RESPONSE_TYPE = _MetadataResponse10
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("name", _TEXT), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _MetadataRequest(Request[_MetadataRequest10]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: Any) -> Any:
        any_id = str(UUID(int=0))
        return request_struct_class([(any_id, name, {}) for name in self._topics], False, False, False, {})
