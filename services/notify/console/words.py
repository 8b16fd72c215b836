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
    "report.withdrawn.v1": ("撤回上报", "report withdrawn"),
    "report.supplemented.v1": ("补充上报", "report added to"),
    "report.first_asked_lapsed.v1": ("首问责任移交", "taken over from whoever was asked first"),
    "report.first_asked_overdue.v1": ("首问责任超时", "not taken over in time from whoever was asked first"),
    "case.noted.v1": ("上报人说明", "word of the reporter"),
    "case.imported.v1": ("历史案卷导入", "imported from an old system"),
}

STATUSES: Final = {
    status: words for status, words in LABELS.items() if status not in ("received", "merged", "withdrawn")
}

# What a status means to whoever reported, and what comes next.
WAYS_ON: Final = {
    "received": ("已收到，正在登记。", "We have it, and are entering it."),
    "merged": (
        "这个问题已有人先上报，将与其一并处理，进度相同。",
        "Somebody reported the same before: it is handled together with that report, and this page follows it.",
    ),
    "withdrawn": ("您已撤回这次上报。", "You took this report back."),
    "reported": ("已登记，等待受理。", "It is entered and waits to be accepted."),
    "verifying": ("正派人到现场核实。", "Somebody is on the way to look at it on the spot."),
    "accepted": ("已受理，等待立案。", "It is accepted and waits to be filed."),
    "filed": ("已立案，等待派遣。", "It is filed and waits to be dispatched."),
    "dispatched": ("已派给处置单位。", "It was given to the unit that handles it."),
    "handling": ("处置单位正在处理。", "The unit is at work on it."),
    "handled": ("处置单位已处理，等待核查。", "The unit has handled it; it waits to be checked."),
    "checking": ("正派人到现场核查处置结果。", "Somebody is on the way to check what was done."),
    "checked": ("已核查，等待结案。", "It was checked and waits to be closed."),
    "suspended": ("因条件限制暂缓处置，到期继续。", "It has to wait for now, and goes on at a set date."),
    "rejected": ("不属于受理范围，未予受理。", "It is not for us to handle, and was not taken on."),
    "closed": ("已处置并核查，案卷已结。", "It was handled and checked: the case is closed."),
    "voided": ("案卷已作废。", "The case is void."),
}
