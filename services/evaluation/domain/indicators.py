"""The one table of what is counted and which rates are made of it: the API, the SQL and the documentation read it here.

Source marks: E a large vendor's production statistics, P a vendor's published rate queries, U an open platform
(Apache-2.0), J the Jinhua rule; W: ours.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

Kind = Literal["stored", "as_of", "sum"]


class Counter(NamedTuple):
    """A counter of a scorecard: a sum over cases.

    `kind`: *stored* is a column of the case's row, *as_of* is found by comparing the row with an instant, *sum* adds up
    the counters named in `parts`. `step` is the act that earns it for a post; None: it belongs to no post.
    """

    name: str
    zh: str
    en: str
    source: str
    step: str | None
    definition_zh: str
    definition_en: str
    kind: Kind = "stored"
    parts: tuple[str, ...] = ()


class Rate(NamedTuple):
    """`100 × sum(numerator) / sum(denominator)`; undefined (null), never 0, where the denominator is 0."""

    name: str
    zh: str
    en: str
    numerator: tuple[str, ...]
    denominator: tuple[str, ...]
    source: str


# Two lines a counter: a table, not code.
# fmt: off
COUNTERS: tuple[Counter, ...] = (
    Counter("report", "上报", "reported", "E", "opened",
            "成为案卷的上报", "reports that became a case"),
    Counter("patrol_report", "监督员上报", "patrol reports", "E", "opened",
            "来源为监督员、网格员", "by supervisors or grid workers"),
    Counter("public_report", "公众举报", "public reports", "E", "opened",
            "来源为公众", "by the public"),
    Counter("valid_report", "有效上报", "valid reports", "E", "opened",
            "已立案且未作废", "filed and not void"),
    Counter("valid_patrol_report", "有效监督员上报", "valid patrol reports", "E", "opened",
            "监督员上报中已立案且未作废", "patrol reports filed and not void"),
    Counter("valid_public_report", "有效公众举报", "valid public reports", "E", "opened",
            "公众举报中已立案且未作废", "public reports filed and not void"),
    Counter("operate", "受理", "accepted", "E", "accepted",
            "已受理", "accepted"),
    Counter("intime_operate", "按时受理", "accepted on time", "E", "accepted",
            "受理未超时限", "accepted within the stage's limit"),
    Counter("to_operate", "待受理", "to be accepted", "E", None,
            "尚未受理", "not yet accepted"),
    Counter("not_operate", "不予受理", "declined", "E", "accepted",
            "受理时不予受理", "declined at acceptance"),
    Counter("send_verify", "发核实", "verifications requested", "E", "verification_requested",
            "已发核实", "a verification was requested"),
    Counter("need_verify", "应核实", "to verify", "E", "verified",
            "已发核实的案卷", "a verification was requested"),
    Counter("verify", "核实", "verified", "E", "verified",
            "核实已回复", "the verification was answered"),
    Counter("intime_verify", "按时核实", "verified on time", "E", "verified",
            "核实回复未超时限", "answered within the limit"),
    Counter("inst", "立案", "filed", "E", "filed",
            "已立案", "filed"),
    Counter("intime_inst", "按时立案", "filed on time", "E", "filed",
            "立案未超时限", "filed within the stage's limit"),
    Counter("accur_inst", "准确立案", "filed accurately", "U", "filed",
            "立案后未作废", "filed and not void since"),
    Counter("to_inst", "待立案", "to be filed", "E", None,
            "已受理尚未立案", "accepted, not yet filed"),
    Counter("not_inst", "不予立案", "filing refused", "E", "filed",
            "立案时不予立案", "refused at filing"),
    Counter("cancel", "作废", "void", "E", "filed",
            "立案后作废", "voided after filing"),
    Counter("need_dispatch", "应派遣", "to dispatch", "E", "dispatched",
            "已立案", "filed"),
    Counter("dispatch", "派遣", "dispatched", "E", "dispatched",
            "已派遣", "dispatched to a unit"),
    Counter("intime_dispatch", "按时派遣", "dispatched on time", "E", "dispatched",
            "派遣未超时限", "within the stage's limit"),
    Counter("overtime_dispatch", "超时派遣", "dispatched late", "E", "dispatched",
            "派遣超过时限", "past the stage's limit"),
    Counter("to_dispatch", "待派遣", "to be dispatched", "E", None,
            "已立案尚未派遣", "filed, not with a unit"),
    Counter("accur_dispatch", "准确派遣", "dispatched accurately", "E", "dispatched",
            "首次与末次派遣为同一单位", "first and last unit are the same"),
    Counter("wrong_dispatch", "错误派遣", "dispatched wrongly", "E", "dispatched",
            "首次与末次派遣单位不同", "first and last unit differ"),
    Counter("need_dispose", "应处置", "to dispose", "E,J", None,
            "处置 + 待处置；挂账期间不计", "dispose + to_dispose; not while suspended",
            "sum", ("dispose", "to_dispose")),
    Counter("dispose", "处置", "disposed", "E", "handled",
            "单位已处置，返工中除外", "reported handled by the unit, and not being reworked"),
    Counter("intime_dispose", "按期处置", "disposed on time", "E", "handled",
            "末次处置完成不晚于截止时间", "the last disposal ended by the due time"),
    Counter("overtime_dispose", "超期处置", "disposed late", "E", "handled",
            "末次处置完成晚于截止时间", "the last disposal ended after the due time"),
    Counter("through_dispose", "经处置", "disposed at least once", "P", "handled",
            "至少处置过一次", "reported handled at least once"),
    Counter("to_dispose", "待处置", "to be disposed", "E", None,
            "在处置单位、未处置、未挂账", "with a unit, not disposed, not suspended"),
    Counter("intime_to_dispose", "按期待处置", "to be disposed, not due", "E", None,
            "待处置，截至 as_of 未超期", "to_dispose and not past due at as_of", "as_of"),
    Counter("overtime_to_dispose", "超期待处置", "to be disposed, overdue", "E", None,
            "待处置，截至 as_of 已超期", "to_dispose and past due at as_of", "as_of"),
    Counter("dispose_used", "处置用时", "handling time used", "E", "handled",
            "秒，按时限日历", "seconds on the limit's calendar"),
    Counter("dispose_limit", "处置时限", "handling limit", "E", "handled",
            "秒，按时限日历", "seconds on the limit's calendar"),
    Counter("rework", "返工数", "reworked", "E", "handled",
            "核查未通过后同一单位再次处置；每案计一次",
            "handled again by the same unit after a failed check; once a case"),
    Counter("multi_rework", "返工次数", "times reworked", "E", "handled",
            "同上，按次计", "the same, each time"),
    Counter("refused_evidence", "退回重办次数", "times evidence was refused", "W", "handled",
            "核查前由指挥中心退回的次数", "times command sent it back before any check"),
    Counter("hang", "挂账", "suspended", "E", None,
            "当前挂账", "suspended now"),
    Counter("his_hang", "历史挂账", "ever suspended", "E", None,
            "曾经挂账", "was suspended at least once"),
    Counter("multi_hang", "挂账次数", "times suspended", "E", None,
            "挂账次数", "times suspended"),
    Counter("stock", "积存", "long suspended", "E", None,
            "挂账超过 60 天（截至 as_of）", "suspended for more than 60 days at as_of", "as_of"),
    Counter("send_check", "发核查", "checks requested", "E", "check_requested",
            "已发核查", "a check was requested"),
    Counter("need_check", "应核查", "to check", "E", "checked",
            "已发核查的案卷", "a check was requested"),
    Counter("check", "核查", "checked", "E", "checked",
            "末次核查已回复", "the last check was answered"),
    Counter("intime_check", "按时核查", "checked on time", "E", "checked",
            "核查回复未超时限", "answered within the limit"),
    Counter("overtime_check", "超时核查", "checked late", "E", "checked",
            "核查回复超过时限", "answered past the limit"),
    Counter("need_archive", "应结案", "to close", "E", None,
            "处置 + 超期待处置", "dispose + overtime_to_dispose", "sum", ("dispose", "overtime_to_dispose")),
    Counter("archive", "结案", "closed", "E", "closed",
            "处置后结案", "closed after a disposal"),
    Counter("intime_archive", "按期结案", "closed on time", "E", "closed",
            "结案且处置按期（核查延误不影响处置单位）",
            "closed, and disposed on time: a late check does not hurt the unit"),
    Counter("overtime_archive", "超期结案", "closed late", "E", "closed",
            "结案且处置超期", "closed, and disposed late"),
    Counter("to_archive", "待结案", "to be closed", "E", None,
            "已处置尚未结案", "disposed, not yet closed"),
    Counter("self_handled", "自处理", "handled on the spot", "E", "opened",
            "现场自处理并结案，不计入其他计数", "seen, put right and closed on the spot; in no other counter"),
    Counter("postpone", "延期", "extended", "E", None,
            "批准过延期", "an extension was approved"),
    Counter("multi_postpone", "延期次数", "times extended", "E", None,
            "批准延期的次数", "extensions approved"),
    Counter("timeout_exempt", "申诉豁免", "exempt on appeal", "E", "handled",
            "申诉成立，不计超期，超期标记保留", "an appeal was approved: not counted overdue, the mark stays"),
    Counter("need_supervise", "应督办", "urged", "E", None,
            "被督办", "was urged"),
    Counter("supervise", "督办回复", "urging replied to", "E", None,
            "末次督办已回复", "the last urging was replied to"),
    Counter("intime_supervise", "按时督办回复", "urging replied to on time", "E", None,
            "末次督办在时限内回复", "the last urging was replied to within its limit"),
)
# fmt: on

RATES: tuple[Rate, ...] = (
    Rate("filing_rate", "立案率", "filing rate", ("inst",), ("report",), "E"),
    Rate("valid_report_rate", "有效上报率", "valid report rate", ("valid_patrol_report",), ("patrol_report",), "U"),
    Rate("public_report_rate", "监督举报率", "public report rate", ("valid_public_report",), ("valid_report",), "P"),
    Rate("verify_ontime_rate", "按时核实率", "verified on time", ("intime_verify",), ("need_verify",), "U"),
    Rate("check_ontime_rate", "按时核查率", "checked on time", ("intime_check",), ("need_check",), "U"),
    Rate("inst_ontime_rate", "按时立案率", "filed on time", ("intime_inst",), ("inst",), "U"),
    Rate("inst_accuracy", "立案准确率", "filing accuracy", ("accur_inst",), ("inst",), "U"),
    Rate("dispatch_ontime_rate", "按时派遣率", "dispatched on time", ("intime_dispatch",), ("need_dispatch",), "U"),
    Rate("dispatch_accuracy", "派遣准确率", "dispatch accuracy", ("accur_dispatch",), ("dispatch",), "U"),
    Rate("dispose_rate", "处置率", "disposal rate", ("dispose",), ("need_dispose",), "P"),
    Rate("dispose_ontime_rate", "按期处置率", "disposed on time", ("intime_dispose",), ("need_dispose",), "P"),
    Rate("overdue_rate", "超期率", "overdue rate", ("overtime_dispose", "overtime_to_dispose"), ("need_dispose",), "E"),
    Rate("rework_rate", "返工率", "rework rate", ("rework",), ("through_dispose",), "P"),
    Rate("archive_rate", "结案率", "closing rate", ("archive",), ("need_archive",), "P,U"),
    Rate("archive_ontime_rate", "按期结案率", "closed on time", ("intime_archive",), ("need_archive",), "P,U"),
)

STORED = tuple(c.name for c in COUNTERS if c.kind == "stored")
AS_OF = tuple(c.name for c in COUNTERS if c.kind == "as_of")
STEP_OF = {c.name: c.step for c in COUNTERS if c.step is not None}
RATES_OF_A_POST = tuple(
    rate for rate in RATES if len({STEP_OF.get(name, name) for name in rate.numerator + rate.denominator}) == 1
)
"""A post is measured by what it did itself: rates whose counters all belong to one act."""


def complete(sums: Mapping[str, int]) -> dict[str, int]:
    """The counters in table order: the sums of those found by counting, and with them those that add up others.

    A counter whose parts are not all in `sums` is left out (a post has no queue of its own).
    """
    found: dict[str, int] = {}
    for counter in COUNTERS:
        if counter.kind != "sum":
            if counter.name in sums:
                found[counter.name] = sums[counter.name]
        elif all(part in sums for part in counter.parts):
            found[counter.name] = sum(sums[part] for part in counter.parts)
    return found


def rates(counters: Mapping[str, int], of: Sequence[Rate] = RATES) -> dict[str, float | None]:
    """The rates in per cent; None where nothing was to be done. Raises KeyError for a counter that is not there."""
    found: dict[str, float | None] = {}
    for rate in of:
        whole = sum(counters[name] for name in rate.denominator)
        part = sum(counters[name] for name in rate.numerator)
        found[rate.name] = 100 * part / whole if whole else None
    return found
