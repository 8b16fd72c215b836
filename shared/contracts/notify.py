"""Facts that notify publishes: what reporters are to be told."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from shared.contracts.base import Fact
from shared.contracts.topics import MESSAGES


class MessageDue(Fact):
    """The reporter of a report is to be told: `template` is filed, dispatched, closed or rejected. Once for each report
    and template; intake, which alone knows the reporter, sends it. The event's subject is `<report id>.<template>`.
    """

    TYPE: ClassVar[str] = "message.due.v1"
    TOPIC: ClassVar[str] = MESSAGES.name

    report_id: UUID
    template: str
    routing_key: str
    at: datetime


FACTS: tuple[type[Fact], ...] = (MessageDue,)
