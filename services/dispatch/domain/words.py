"""The Chinese term beside each English one, for what people read."""

from services.dispatch.domain.case import Act, Centre, Post, Status

STATUS_ZH = {
    Status.REPORTED: "待受理",
    Status.VERIFYING: "核实中",
    Status.ACCEPTED: "待立案",
    Status.FILED: "待派遣",
    Status.DISPATCHED: "待处置",
    Status.HANDLING: "处置中",
    Status.HANDLED: "已处置",
    Status.CHECKING: "核查中",
    Status.CHECKED: "待结案",
    Status.SUSPENDED: "挂账",
    Status.REJECTED: "不予受理",
    Status.CLOSED: "已结案",
    Status.VOIDED: "已作废",
}
ACT_ZH = {
    Act.OPEN: "上报",
    Act.ACCEPT: "受理",
    Act.AUTO_ACCEPT: "自动受理",
    Act.DECLINE: "不予受理",
    Act.REQUEST_VERIFICATION: "发核实",
    Act.ANSWER_VERIFICATION: "核实回复",
    Act.FILE: "立案",
    Act.AUTO_FILE: "自动立案",
    Act.REFUSE_FILING: "不予立案",
    Act.DISPATCH: "派遣",
    Act.AUTO_DISPATCH: "自动派遣",
    Act.TAKE: "接单",
    Act.REPORT_HANDLED: "处置完成",
    Act.REQUEST_CHECK: "发核查",
    Act.ANSWER_CHECK: "核查回复",
    Act.ORDER_REWORK: "返工",
    Act.CLOSE: "结案",
    Act.MARK_WARNED: "预警",
    Act.MARK_OVERDUE: "超期",
    Act.IMPORT: "导入",
}
CENTRE_ZH = {
    Centre.SUPERVISION: "监督中心",
    Centre.ON_SITE: "现场",
    Centre.COMMAND: "指挥中心",
    Centre.UNIT: "处置单位",
    Centre.SYSTEM: "系统",
}
POST_ZH = {
    Post.ACCEPTOR: "受理员",
    Post.SHIFT_LEADER: "值班长",
    Post.SUPERVISOR: "监督员",
    Post.GRID_WORKER: "网格员",
    Post.GRID_LEADER: "网格长",
    Post.DISPATCHER: "派遣员",
    Post.COMMAND_LEADER: "指挥长",
    Post.UNIT_CLERK: "处置单位经办人",
    Post.SYSTEM: "系统",
}


def status(value: Status) -> str:
    return f"{value} {STATUS_ZH[value]}"


def act(value: Act) -> str:
    return f"{value} {ACT_ZH[value]}"


def post(value: Post) -> str:
    return f"{value} {POST_ZH[value]}"


def centre(value: Centre) -> str:
    return f"{value} {CENTRE_ZH[value]}"
