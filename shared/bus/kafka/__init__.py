"""The Kafka carrier. The only package that imports aiokafka."""

from shared.bus.kafka.carrier import KafkaCarrier

__all__ = ["KafkaCarrier"]
