"""Which of the two carriers it is."""

from shared.bus.carrier import Carrier
from shared.settings import Settings


def open_carrier(settings: Settings) -> Carrier:
    """The carrier that the settings name. Connects to nothing until one of its jobs runs."""
    if settings.carrier == "kafka":
        from shared.bus.kafka import KafkaCarrier

        return KafkaCarrier(settings)
    from shared.bus.embedded import EmbeddedCarrier

    return EmbeddedCarrier(settings)
