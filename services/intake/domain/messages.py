"""Messages to reporters 告知: by which way, when, in which words, and what becomes of a try."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from shared.kernel.errors import NotFound

Channel = Literal["sms", "email"]
Reason = Literal["no_channel", "no_contact", "no_text", "opted_out", "refused", "gave_up"]


class NoSuchReporter(NotFound):
    slug, title, title_zh = "no-such-reporter", "No report with this code has a contact", "查询码无对应联系人"


class Message(NamedTuple):
    """One message as it is sent. `id` is the same at every try: whoever knows it already sends it once."""

    id: str
    to: str
    subject: str
    text: str
    stop: str


class Result(NamedTuple):
    """`later`: try again, at the earliest after `after` seconds. `why` names no one: a number, or a kind of error."""

    state: Literal["sent", "later", "refused"]
    why: str = ""
    after: float | None = None


class Patience(NamedTuple):
    """How soon a message is tried again: doubling from `first` to `longest`, until it has been due for `give_up`."""

    first: timedelta
    longest: timedelta
    give_up: timedelta

    def next_try(self, attempts: int, result: Result) -> timedelta:
        """After so many attempts."""
        asked = timedelta(seconds=result.after or 0.0)
        return min(max(self.first * (1 << min(attempts - 1, 30)), asked), self.longest)


class Quiet(NamedTuple):
    """From `start` to `end` of each day, in `zone`; an end before the start is of the next day."""

    start: time
    end: time
    zone: ZoneInfo

    def holds(self, at: datetime) -> bool:
        now = at.astimezone(self.zone).time()
        if self.start < self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end


def way(phone: str | None, email: str | None, channels: Sequence[Channel]) -> tuple[Channel, str] | Reason:
    """How this person is told, and where: a text message before an e-mail; or why not."""
    if phone is None and email is None:
        return "no_contact"
    if phone is not None and "sms" in channels:
        return "sms", phone
    if email is not None and "email" in channels:
        return "email", email
    return "no_channel"


_PLACE: Final = re.compile(r"\{([a-z]+)\}")


def render(text: str, values: Mapping[str, str]) -> str:
    """`text` with {name} filled in from `values`, once over: a value is never read for places again."""
    return _PLACE.sub(lambda place: values.get(place[1], place[0]), text)
