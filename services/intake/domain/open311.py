"""Open311 GeoReport v2: what a case is to the protocol's readers.

The protocol knows two statuses, open and closed, and one line of notes. The nine finer ones of the updates extension
are those that FixMyStreet and its councils exchange.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID, uuid5

from shared.kernel.errors import FieldError, Invalid, NotFound

OPEN: Final = "open"
CLOSED: Final = "closed"
STATUSES: Final = (OPEN, CLOSED)
# Statuses of a case that end it.
ENDED: Final = frozenset({"rejected", "closed", "voided"})
EXTENDED: Final = (
    "OPEN", "INVESTIGATING", "IN_PROGRESS", "ACTION_SCHEDULED", "FIXED", "NO_FURTHER_ACTION",
    "NOT_COUNCILS_RESPONSIBILITY", "DUPLICATE", "INTERNAL_REFERRAL", "CLOSED",
)  # fmt: skip
# The protocol: a query may span 90 days, and answers the first 1,000 when no time is named.
LONGEST_SPAN: Final = timedelta(days=90)
MOST_UNPAGED: Final = 1_000
LONGEST_DESCRIPTION: Final = 4_000


class UnknownService(NotFound):
    slug, title, title_zh = "unknown-service", "No such service", "没有此类服务"


class UnknownRequest(NotFound):
    slug, title, title_zh = "unknown-request", "No such service request", "没有此诉求"


class UnknownToken(NotFound):
    slug, title, title_zh = "unknown-token", "No such token", "没有此令牌"


class UnknownJurisdiction(NotFound):
    slug, title, title_zh = "unknown-jurisdiction", "No such jurisdiction", "没有此辖区"


class SpanTooLong(Invalid):
    slug, title, title_zh = "span-too-long", "A query may span 90 days", "查询时间跨度过长"


class UpdateIdReused(Invalid):
    slug, title, title_zh = "update-id-reused", "The update_id stands for another update", "更新编号已被使用"


class Said(NamedTuple):
    """What an act tells the reporter, in both languages; `extended` is the finer status, None: that of the status."""

    zh: str
    en: str
    extended: str | None = None


# What a reporter would want to hear of, by act. What is only between the centres and the units (urging, marks of a
# clock, requests not yet decided) is not told.
TOLD: Final[Mapping[str, Said]] = {
    "open": Said("已收到", "received"),
    "accept": Said("已受理", "accepted"),
    "auto_accept": Said("已受理", "accepted"),
    "decline": Said("不予受理", "not accepted", "NOT_COUNCILS_RESPONSIBILITY"),
    "request_verification": Said("正在现场核实", "being looked at on the spot"),
    "answer_verification": Said("已现场核实", "looked at on the spot"),
    "file": Said("已立案", "filed"),
    "auto_file": Said("已立案", "filed"),
    "refuse_filing": Said("不予立案", "not taken up", "NO_FURTHER_ACTION"),
    "dispatch": Said("已派遣", "passed to the unit responsible"),
    "auto_dispatch": Said("已派遣", "passed to the unit responsible"),
    "take": Said("正在处置", "work has begun"),
    "report_handled": Said("处置完成，待核查", "done, to be checked"),
    "request_check": Said("正在现场核查", "being checked on the spot"),
    "answer_check": Said("已现场核查", "checked on the spot"),
    "order_rework": Said("返工处置", "to be done again"),
    "send_back": Said("退回重新办理", "sent back to be looked at again", "INTERNAL_REFERRAL"),
    "recall": Said("收回，重新派遣", "to be passed to another unit", "INTERNAL_REFERRAL"),
    "pass_on": Said("转交其他部门", "passed on to another department", "INTERNAL_REFERRAL"),
    "approve_return": Said("退单，重新派遣", "returned, to be passed to another unit", "INTERNAL_REFERRAL"),
    "approve_extension": Said("处置延期", "given more time"),
    "approve_suspension": Said("暂缓处置", "put off", "ACTION_SCHEDULED"),
    "resume": Said("恢复处置", "work goes on"),
    "resume_on_date": Said("恢复处置", "work goes on"),
    "recompute": Said("时限已重新计算", "the time limit was counted anew"),
    "correct": Said("信息已更正", "category or place put right"),
    "absorb": Said("与同一问题并案", "joined with reports of the same matter"),
    "merge": Said("并入同一问题", "joined with another case", "DUPLICATE"),
    "self_handle": Said("已现场处置", "put right on the spot", "FIXED"),
    "close": Said("已结案", "put right and closed", "FIXED"),
    "force_close": Said("已结案", "closed", "CLOSED"),
    "withdraw": Said("上报人已撤回", "taken back by its reporter", "NO_FURTHER_ACTION"),
    "void": Said("已作废", "withdrawn from work", "NO_FURTHER_ACTION"),
}
# What the reporter of a merged request is told beside the news of the case that it shares 重复上报.
TOGETHER: Final = Said("与先前上报的同一问题一并办理", "handled together with an earlier report of the same matter")
# Acts whose own words are an answer to the reporter; those of all others are the house's.
ANSWERS: Final = frozenset(
    {"decline", "refuse_filing", "report_handled", "self_handle", "close", "force_close", "void"}
)
# Acts that change what a request is asked by: whether it is open, whose case it is, its category.
MOVES: Final = frozenset({"open", "absorb", "correct"})

_BY_STATUS: Final = {
    "reported": "OPEN",
    "verifying": "INVESTIGATING",
    "accepted": "INVESTIGATING",
    "filed": "ACTION_SCHEDULED",
    "dispatched": "ACTION_SCHEDULED",
    "handling": "IN_PROGRESS",
    "handled": "IN_PROGRESS",
    "checking": "IN_PROGRESS",
    "checked": "IN_PROGRESS",
    "suspended": "ACTION_SCHEDULED",
    "rejected": "NO_FURTHER_ACTION",
    "closed": "CLOSED",
    "voided": "NO_FURTHER_ACTION",
}


def is_open(status: str) -> bool:
    return status not in ENDED


def plain_status(status: str | None) -> str:
    """`open` or `closed`; a report that has no case yet is open."""
    return CLOSED if status in ENDED else OPEN


def extended_status(act: str | None, status: str | None) -> str:
    """The finer status of a request whose last told act was `act`."""
    said = TOLD.get(act or "")
    return (said and said.extended) or _BY_STATUS.get(status or "", "OPEN")


def words_of(act: str, unit: str | None, said: str | None) -> str:
    """The line that tells the reporter: both languages, the unit where it is the news, and what was answered."""
    told = TOLD.get(act)
    if told is None:
        return said or ""
    line = f"{told.zh} {told.en}"
    if unit and act in ("dispatch", "auto_dispatch", "pass_on", "take"):
        line += f": {unit}"
    return f"{line}. {said}" if said else line


def beside(line: str | None, *, merged: bool) -> str | None:
    """The line of notes of a request; of one that was merged with what that means."""
    if not merged:
        return line
    together = f"{TOGETHER.zh} {TOGETHER.en}"
    return f"{line}; {together}" if line else together


def update_id(case_id: UUID, version: int, report_id: UUID) -> str:
    """The name of an update, the same each time it is asked for. A case's update is one for each of its reports, and a
    report that goes over to another case meets that one's versions: all three are in it.
    """
    return str(uuid5(case_id, f"{version}/{report_id}"))


class Window(NamedTuple):
    """From `start` until `end`, both included, to the second: what is shown has no fractions either."""

    start: datetime
    end: datetime

    @property
    def after(self) -> datetime:
        """The first instant in it."""
        whole = self.start.replace(microsecond=0)
        return whole if whole == self.start else whole + timedelta(seconds=1)

    @property
    def before(self) -> datetime:
        """The first instant behind it."""
        return self.end.replace(microsecond=0) + timedelta(seconds=1)


def window(
    start: datetime | None, end: datetime | None, now: datetime, names: tuple[str, str] = ("?start_date", "?end_date")
) -> Window:
    """The time asked for: an end left out is now, a start 90 days before the end. Raises SpanTooLong, and Invalid for
    an end before the start.
    """
    if end is None:
        end = now if start is None else max(start, now)
    if start is None:
        start = end - LONGEST_SPAN
    if end < start:
        raise Invalid(
            f"{names[1][1:]} {end.isoformat()} is before {names[0][1:]} {start.isoformat()}",
            errors=[FieldError(names[1], f"must not be before {names[0][1:]}")],
        )
    if end - start > LONGEST_SPAN:
        raise _too_long(names, start, end)
    return Window(start, end)


def _too_long(names: tuple[str, str], start: datetime, end: datetime) -> SpanTooLong:
    days = (end - start) / timedelta(days=1)
    words = f"spans {days:.1f} days, and a query may span {LONGEST_SPAN.days}; ask for parts of it"
    return SpanTooLong(f"from {names[0][1:]} to {names[1][1:]} {words}", errors=[FieldError(names[0], words)])


def id_floor(at: datetime) -> UUID:
    """The least UUIDv7 of that millisecond: ids at or above it were made then or later."""
    return UUID(int=max(0, _milliseconds(at)) << 80)


def born(report_id: UUID) -> datetime:
    """When a report came in, as its id tells (UUIDv7, RFC 9562): the time that it is listed by."""
    return datetime.fromtimestamp((report_id.int >> 80) / 1000, UTC)


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
