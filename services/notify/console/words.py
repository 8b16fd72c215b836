"""What the page calls things: 中文 beside English."""

from typing import Final

from services.notify.domain.track import LABELS

# service → (name zh, name en, purpose zh, purpose en)
DOORS: Final = {
    "intake": ("上报", "Intake", "第三方应用由此上报问题", "apps post reports here"),
    "dispatch": (
        "案卷",
        "Dispatch",
        "受理、立案、派遣、处置、核查、结案",
        "accept, file, dispatch, handle, check, close",
    ),
    "evaluation": ("评价", "Evaluation", "按区域和单位的指标", "scores by area and handling unit"),
    "notify": ("推送", "Notify", "实时事件流、进度查询、回调", "live streams, tracking, webhooks"),
}

EVENTS: Final = {
    "report.received.v1": ("收到上报", "report received"),
    "case.opened.v1": ("建卷", "opened"),
    "case.accepted.v1": ("受理", "accepted"),
    "case.declined.v1": ("不予受理", "declined"),
    "case.verification_requested.v1": ("发核实", "verification requested"),
    "case.verified.v1": ("核实", "verified"),
    "case.filed.v1": ("立案", "filed"),
    "case.filing_refused.v1": ("不予立案", "filing refused"),
    "case.dispatched.v1": ("派遣", "dispatched"),
    "case.taken.v1": ("接单", "taken"),
    "case.handled.v1": ("处置完成", "handled"),
    "case.check_requested.v1": ("发核查", "check requested"),
    "case.checked.v1": ("核查", "checked"),
    "case.rework_ordered.v1": ("返工", "rework ordered"),
    "case.closed.v1": ("结案", "closed"),
    "case.warned.v1": ("预警", "80 % of the limit"),
    "case.overdue.v1": ("超期", "overdue"),
    "case.sent_back.v1": ("退回", "sent back"),
    "case.recalled.v1": ("收回", "recalled from the unit"),
    "case.passed_on.v1": ("双向派单", "passed on to a partner unit"),
    "case.return_requested.v1": ("申请退单", "return asked for"),
    "case.returned.v1": ("退单", "returned"),
    "case.return_refused.v1": ("不同意退单", "return refused"),
    "case.extension_requested.v1": ("申请延期", "extension asked for"),
    "case.extended.v1": ("延期", "extended"),
    "case.extension_refused.v1": ("不同意延期", "extension refused"),
    "case.suspension_requested.v1": ("申请挂账", "suspension asked for"),
    "case.suspended.v1": ("挂账", "suspended"),
    "case.suspension_refused.v1": ("不同意挂账", "suspension refused"),
    "case.request_withdrawn.v1": ("撤回申请", "request withdrawn"),
    "case.resumed.v1": ("恢复处置", "handling resumed"),
    "case.urged.v1": ("督办", "urged"),
    "case.urging_replied.v1": ("督办回复", "urging replied to"),
    "case.coordinated.v1": ("协调", "coordinated"),
    "case.part_reported.v1": ("协办完成", "assisting part done"),
    "case.summoned.v1": ("吹哨", "units summoned"),
    "case.summons_answered.v1": ("报到", "summons answered"),
    "case.unanswered.v1": ("逾期未回复", "not answered in time"),
    "case.task_reassigned.v1": ("改派任务", "task given to another"),
    "case.self_handled.v1": ("自处理", "handled on the spot"),
    "case.spot_checked.v1": ("抽查", "looked at again"),
    "case.corrected.v1": ("更正", "corrected"),
    "case.merged.v1": ("并案", "merged into another case"),
    "case.absorbed.v1": ("并入", "took over another case"),
    "case.report_added.v1": ("并入重复上报", "took in another report of the same matter"),
    "case.report_removed.v1": ("移出上报", "let a report go to a case of its own"),
    "case.voided.v1": ("作废", "void"),
    "case.reopened.v1": ("重开", "reopened as a new case"),
    "case.appealed.v1": ("申诉", "appeal made"),
    "case.appeal_reviewed.v1": ("申诉初审", "appeal reviewed"),
    "case.appeal_decided.v1": ("申诉终审", "appeal decided"),
    "case.escalated.v1": ("升级", "escalated"),
    "case.recomputed.v1": ("重算时限", "deadline counted again"),
    "case.imported.v1": ("历史案卷导入", "imported from an old system"),
}

STATUSES: Final = {
    status: words for status, words in LABELS.items() if status not in ("received", "merged", "withdrawn")
}
