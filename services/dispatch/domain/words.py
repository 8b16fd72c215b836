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
    Act.SEND_BACK: "退回",
    Act.RECALL: "收回",
    Act.PASS_ON: "双向派单",
    Act.REQUEST_RETURN: "申请退单",
    Act.REQUEST_EXTENSION: "申请延期",
    Act.REQUEST_SUSPENSION: "申请挂账",
    Act.WITHDRAW_REQUEST: "撤回申请",
    Act.APPROVE_RETURN: "同意退单",
    Act.REFUSE_RETURN: "不同意退单",
    Act.APPROVE_EXTENSION: "同意延期",
    Act.REFUSE_EXTENSION: "不同意延期",
    Act.APPROVE_SUSPENSION: "同意挂账",
    Act.REFUSE_SUSPENSION: "不同意挂账",
    Act.RESUME: "恢复处置",
    Act.RESUME_ON_DATE: "到期恢复",
    Act.URGE: "督办",
    Act.REPLY_URGING: "督办回复",
    Act.COORDINATE: "协调",
    Act.REPORT_PART: "协办完成",
    Act.SUMMON: "吹哨",
    Act.ANSWER_SUMMONS: "报到",
    Act.ESCALATE: "上报上级",
    Act.SELF_HANDLE: "自处理",
    Act.SPOT_CHECK: "抽查",
    Act.CORRECT: "更正",
    Act.MERGE: "并案",
    Act.ABSORB: "并入",
    Act.ADD_REPORT: "并入重复上报",
    Act.REMOVE_REPORT: "移出上报",
    Act.VOID: "作废",
    Act.FORCE_CLOSE: "强制结案",
    Act.REOPEN: "重开",
    Act.APPEAL: "申诉",
    Act.REVIEW_APPEAL: "申诉初审",
    Act.DECIDE_APPEAL: "申诉终审",
    Act.MARK_WARNED: "预警",
    Act.MARK_OVERDUE: "超期",
    Act.MARK_UNANSWERED: "逾期未回复",
    Act.REASSIGN_TASK: "改派任务",
    Act.AUTO_ESCALATE: "自动升级",
    Act.RECOMPUTE: "重算时限",
    Act.IMPORT: "导入",
    Act.WITHDRAW: "上报人撤回",
    Act.NOTE_WITHDRAWAL: "记录撤回",
    Act.NOTE_ADDITION: "记录补充",
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


def named_post(value: str | None) -> str:
    """The words of a post that somebody else wrote: unknown ones as they stand."""
    return post(Post(value)) if value in POST_ZH else value or "no post"


def centre(value: Centre) -> str:
    return f"{value} {CENTRE_ZH[value]}"
