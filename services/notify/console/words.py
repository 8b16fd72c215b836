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
    "case.imported.v1": ("历史案卷导入", "imported from an old system"),
}

STATUSES: Final = {
    status: words for status, words in LABELS.items() if status not in ("received", "merged", "withdrawn")
}
