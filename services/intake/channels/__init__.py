"""Ways to tell a reporter: a gateway for text messages, a mail server."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Protocol

import httpx

from services.intake.channels.mail import Mail
from services.intake.channels.sms import SmsGateway
from services.intake.domain.messages import Channel, Message, Result
from services.intake.settings import IntakeSettings
from shared.kernel.clock import Clock


class Way(Protocol):
    """Sends one message; never raises for what the other side does."""

    async def send(self, message: Message) -> Result: ...


@asynccontextmanager
async def ways(settings: IntakeSettings, clock: Clock) -> AsyncIterator[Mapping[Channel, Way]]:
    """Those that the settings name; none are opened before they are used."""
    found: dict[Channel, Way] = {}
    async with httpx.AsyncClient(
        timeout=settings.message_timeout_seconds,
        trust_env=False,
        follow_redirects=False,
        headers={"User-Agent": "wangge-intake/1"},
    ) as client:
        if settings.sms_url is not None:
            secret = settings.sms_secret.get_secret_value().encode() if settings.sms_secret else None
            found["sms"] = SmsGateway(client, settings.sms_url, settings.sms_body, secret, clock)
        if settings.smtp_host is not None:
            found["email"] = Mail(settings, clock)
        yield found
