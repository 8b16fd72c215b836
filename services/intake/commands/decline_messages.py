"""Decline messages 退订: whoever holds the tracking code of a report says so for its reporter, of all their reports."""

from services.intake.commands.vault import code_of
from services.intake.domain.messages import NoSuchReporter
from services.intake.store import subjects
from shared.kernel.clock import Clock
from shared.postgres import Pool, transaction


async def decline_messages(pool: Pool, clock: Clock, tracking_code: str) -> None:
    """Said again it changes nothing. Raises NoSuchReporter."""
    async with transaction(pool) as tx:
        if not await subjects.silence(tx, code_of(tracking_code), clock()):
            raise NoSuchReporter("check the code: it is the 12 characters given when the report was taken in")
