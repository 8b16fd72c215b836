"""Send what is due to reporters. A message is claimed and settled in transactions of its own; between them the network.

Whoever dies in between leaves its claim, which ends; the message is sent again under the same id, by which a gateway
that knows it sends it once.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import structlog

from services.intake import outgoing
from services.intake.channels import Way
from services.intake.commands.vault import Opening, Vault
from services.intake.domain.contact import email_of, phone_of
from services.intake.domain.messages import Channel, Message, Patience, Quiet, Reason, Result, render, way
from services.intake.domain.report import Reporter
from services.intake.sealing import CannotUnseal
from services.intake.store import messages as store
from services.intake.store.messages import Claimed, Settled
from shared.bus.event import Event
from shared.bus.outbox import Outbox
from shared.jobs import Job
from shared.kernel.clock import Clock
from shared.packs import Pack
from shared.packs.model import Text
from shared.polling import polling_job
from shared.postgres import Pool, transaction

log = structlog.get_logger()

BATCH = 16
EVERY_SECONDS = 1.0
# Longer than a batch can take: each message has the channel's time-out.
LEASE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Teller:
    """What telling reporters needs. `base`: where the city is reached, for the link that declines them."""

    pool: Pool
    outbox: Outbox
    vault: Vault
    ways: Mapping[Channel, Way]
    pack: Pack
    patience: Patience
    base: str
    clock: Clock

    def job(self) -> Job:
        return polling_job("messages", self.send, every=EVERY_SECONDS)

    async def send(self) -> bool:
        """One batch; True: there may be more at once. In the pack's quiet hours nothing is sent."""
        now = self.clock()
        hours = self.pack.messages.quiet
        if hours is not None and Quiet(hours.start, hours.end, self.pack.zone).holds(now):
            return False
        async with transaction(self.pool) as tx:
            claimed = await store.claim(tx, now, now + LEASE, BATCH)
        if not claimed:
            return False
        told = await asyncio.gather(*(self._tell(one) for one in claimed))
        now = self.clock()
        settled = {one.key: one.settled(self.patience, now) for one in told}
        async with transaction(self.pool) as tx:
            mine = await store.settle(tx, list(settled.values()), now)
            over = [one for one in told if one.key in mine and settled[one.key].state != "waiting"]
            await self.outbox.add(tx, [one.fact(settled[one.key].reason, now) for one in over])
        self.outbox.ring()
        return len(claimed) == BATCH

    async def _tell(self, one: Claimed) -> "Told":
        opening = Opening(one.report_id, one.sealed or b"", one.key, one.subject, one.subject_key)
        try:
            personal = self.vault.open(opening) if one.sealed else None
        except CannotUnseal as error:
            # The installation's key is not the right one: whoever mends that finds the message still waiting.
            log.error("a contact does not open", report=str(one.report_id), error=str(error))
            return Told(one, None, Result("later", "CannotUnseal"))
        reporter = (personal and personal.reporter) or Reporter()
        if one.silent_at is not None:
            return Told(one, None, "opted_out")
        texts: Mapping[str, Text] = self.pack.messages.texts  # type: ignore[assignment]
        if one.template not in texts:  # the pack had one when the message was taken up
            return Told(one, None, "no_text")
        found = way(phone_of(reporter.phone or ""), email_of(reporter.email or ""), [*self.ways])
        if isinstance(found, str):
            return Told(one, None, found)
        channel, to = found
        try:
            result = await self.ways[channel].send(self._message(one, texts[one.template], to))
        except Exception as error:
            # Its neighbours in the batch are sent all the same. The error's own words may hold the address.
            result = Result("later", type(error).__name__)
        if result.state != "sent":
            log.warning(
                "a reporter could not be told",
                report=str(one.report_id),
                template=one.template,
                channel=channel,
                attempts=one.attempts,
                why=result.why,
            )
        return Told(one, channel, result)

    def _message(self, one: Claimed, text: Text, to: str) -> Message:
        words = self.pack.messages
        code, category = one.tracking_code or "", self.pack.categories.get(one.category or "")
        stop = f"{self.base.rstrip('/')}/intake/v1/opt-out#{code}"
        texts, subjects = [], []
        for language in words.languages:
            name = "" if category is None else getattr(category.name, language)
            texts.append(render(getattr(text, language), {"category": name, "code": code, "stop": stop}))
            subjects.append(getattr(words.subject, language))
        return Message(f"{one.report_id}.{one.template}", to, " ".join(subjects), "\n".join(texts), stop)


class Told(NamedTuple):
    """A message that was tried on `channel`, or why it was not."""

    message: Claimed
    channel: Channel | None
    outcome: Result | Reason

    @property
    def key(self) -> tuple[UUID, str]:
        return self.message.report_id, self.message.template

    def fact(self, reason: str | None, at: datetime) -> Event:
        one = self.message
        if reason is None:
            return outgoing.message_sent(
                one.report_id, one.template, one.routing_key, one.attempts, self.channel or "", at
            )
        return outgoing.message_failed(one.report_id, one.template, one.routing_key, one.attempts, reason, at)

    def settled(self, patience: Patience, now: datetime) -> Settled:
        report, template = self.message.report_id, self.message.template
        if isinstance(self.outcome, str):
            return Settled(report, template, "failed", self.outcome, now)
        if self.outcome.state == "sent":
            return Settled(report, template, "sent", None, now)
        if self.outcome.state == "refused":
            return Settled(report, template, "failed", "refused", now)
        if now - self.message.due_at >= patience.give_up:
            return Settled(report, template, "failed", "gave_up", now)
        next_at = now + patience.next_try(self.message.attempts, self.outcome)
        return Settled(report, template, "waiting", None, next_at)
