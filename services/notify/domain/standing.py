"""How a webhook's receiver fares: failures in a row, when it counts as down, when we give up."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from services.notify.domain.webhook import DOWN_AFTER, gives_up, is_delivered, is_gone, retry_after


class Outcome(NamedTuple):
    """What became of one delivery: the status the receiver answered, or why there is none."""

    status: int | None
    error: str | None

    @classmethod
    def answered(cls, status: int) -> "Outcome":
        return cls(status, None if is_delivered(status) else f"the receiver answered {status}")

    @property
    def delivered(self) -> bool:
        return self.error is None


class Patience(NamedTuple):
    """How failures are met: settings."""

    first_retry: timedelta
    longest_retry: timedelta
    give_up_after: timedelta

    def wait(self, attempts: int, chance: float) -> timedelta:
        """How long after the `attempts`-th failure; `chance` is a random number in [0, 1)."""
        return retry_after(attempts, self.first_retry, self.longest_retry, chance)


@dataclass(slots=True)
class Standing:
    """How the receiver fares during one turn of sending. `position`: the log is dealt with up to here."""

    position: int
    failures: int
    failing_since: datetime | None
    patience: Patience
    last_status: int | None = None
    last_error: str | None = None
    last_attempt_at: datetime | None = None
    last_success_at: datetime | None = None
    disabled_because: str | None = None
    missed: int = 0

    @property
    def down(self) -> bool:
        """Nothing more is sent in this turn; at the start of one: one event is tried."""
        return self.failures >= DOWN_AFTER or self.disabled_because is not None

    @property
    def asked_in_vain(self) -> bool:
        """Down, and known so from this very turn."""
        return self.down and self.last_attempt_at is not None

    def note(self, outcome: Outcome, now: datetime, *, subject: str, failed_at: datetime | None) -> None:
        """Take a delivery's outcome into account; `failed_at`: when this event failed for the first time, if it has."""
        self.last_attempt_at = now
        self.last_status, self.last_error = outcome.status, outcome.error
        if outcome.delivered:
            self.failures, self.failing_since, self.last_success_at = 0, None, now
            return
        self.failures += 1
        self.failing_since = self.failing_since or now
        if self.disabled_because is not None:
            return
        if outcome.status is not None and is_gone(outcome.status):
            self.disabled_because = "the receiver answered 410 Gone"
        elif gives_up(self.failing_since, now, self.patience.give_up_after):
            self.disabled_because = (
                f"no delivery has succeeded since {self.failing_since.isoformat()}; the last: {outcome.error}"
            )
        elif gives_up(failed_at, now, self.patience.give_up_after):
            assert failed_at is not None
            self.disabled_because = (
                f"an event of {subject} has been refused since {failed_at.isoformat()}; the last: {outcome.error}"
            )

    def skip_to(self, oldest: int) -> None:
        """The log starts at `oldest`: what lies before it and was not dealt with is missed."""
        if self.position + 1 < oldest:
            self.missed += oldest - 1 - self.position
            self.position = oldest - 1

    def take_missed(self) -> int:
        """How many were missed since the last time this was asked."""
        missed, self.missed = self.missed, 0
        return missed

    def rest(self, chance: float) -> timedelta | None:
        """How long a receiver that is down is left in peace; None when it is not."""
        return self.patience.wait(self.failures - DOWN_AFTER + 1, chance) if self.failures >= DOWN_AFTER else None
