"""What each act says of itself in the timeline. To add an act: one line in `SENTENCES`.

A slot is a member of the fact's details by its name, or `limit`, `unit` (by name) and `stage`. A part in brackets is
left out when one of its slots has nothing to say. Who did it stands before, where the case went and the opinion after.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Words(NamedTuple):
    zh: str
    en: str


SENTENCES: Mapping[str, Words] = {
    "open": Words("收到上报，建立案卷", "received a report and opened the case"),
    "accept": Words("受理案卷", "accepted the case"),
    "auto_accept": Words("自动受理案卷", "accepted the case by rule"),
    "decline": Words("不予受理[，理由：{reason}]", "declined the case[: {reason}]"),
    "request_verification": Words(
        "发出核实任务[，指派{assignee}]", "asked for a verification on the spot[ by {assignee}]"
    ),
    "answer_verification": Words(
        "回复核实：{outcome}[，位置{location}][，现场时间{answered_at}]",
        "answered the verification: {outcome}[, at {location}][, there at {answered_at}]",
    ),
    "file": Words(
        "立案[，立案条件{condition}][，处置时限{limit}]", "filed the case[ under {condition}][; handling limit {limit}]"
    ),
    "auto_file": Words(
        "自动立案[，立案条件{condition}][，处置时限{limit}]",
        "filed the case by rule[ under {condition}][; handling limit {limit}]",
    ),
    "refuse_filing": Words("不予立案[，理由：{reason}]", "refused to file the case[: {reason}]"),
    "dispatch": Words("派遣至{unit}[，协办{assisting}]", "dispatched the case to {unit}[, assisted by {assisting}]"),
    "auto_dispatch": Words(
        "自动派遣至{unit}[，协办{assisting}][，规则{rule}]",
        "dispatched the case to {unit}[, assisted by {assisting}] by rule[ {rule}]",
    ),
    "send_back": Words("退回上一环节", "sent the case back a stage"),
    "recall": Words("从{recalled_from}收回派遣", "recalled the case from {recalled_from}"),
    "pass_on": Words("双向派单至{unit}", "passed the case on to {unit}"),
    "take": Words("接单", "took the case"),
    "report_handled": Words("处置完成：{result}", "reported it handled: {result}"),
    "request_check": Words("发出核查任务[，指派{assignee}]", "asked for a check on the spot[ by {assignee}]"),
    "answer_check": Words(
        "回复核查：通过：{passed}[，位置{location}][，现场时间{answered_at}]",
        "answered the check: passed: {passed}[, at {location}][, there at {answered_at}]",
    ),
    "spot_check": Words("抽查[，通过：{passed}]", "checked a sample[: passed: {passed}]"),
    "order_rework": Words("要求返工[，理由：{reason}]", "ordered rework[: {reason}]"),
    "close": Words("结案", "closed the case"),
    "force_close": Words("强制结案[，理由：{reason}]", "closed the case by force[: {reason}]"),
    "self_handle": Words("现场自行处置[：{result}]", "settled it on the spot[: {result}]"),
    "request_return": Words("申请退单[，理由：{reason}]", "asked to return the case[: {reason}]"),
    "approve_return": Words("同意{returned_by}退单", "approved the return by {returned_by}"),
    "refuse_return": Words("不同意退单[，理由：{reason}]", "refused the return[: {reason}]"),
    "request_extension": Words("申请延期[，理由：{reason}]", "asked for an extension[: {reason}]"),
    "approve_extension": Words(
        "同意延期，原截止时间{due_before}", "approved the extension; it was due at {due_before}"
    ),
    "refuse_extension": Words("不同意延期[，理由：{reason}]", "refused the extension[: {reason}]"),
    "request_suspension": Words(
        "申请挂账[至{until}][，理由：{reason}]", "asked to suspend the case[ until {until}][: {reason}]"
    ),
    "approve_suspension": Words("同意挂账[至{until}]", "approved the suspension[ until {until}]"),
    "refuse_suspension": Words("不同意挂账[，理由：{reason}]", "refused the suspension[: {reason}]"),
    "withdraw_request": Words("撤回{request}申请", "withdrew the request for {request}"),
    "resume": Words("恢复处置", "resumed the case"),
    "resume_on_date": Words("挂账到期，恢复处置", "resumed the case as its suspension ended"),
    "urge": Words("督办{unit}，限{reply_due_at}前回复", "urged {unit}, to be answered by {reply_due_at}"),
    "reply_urging": Words(
        "回复第{urging}次督办[，按时：{in_time}]", "replied to urging {urging}[; in time: {in_time}]"
    ),
    "coordinate": Words(
        "协调，由{lead}牵头[，{parts}协办][，联席会议时间{meeting_at}]",
        "coordinated, {lead} in the lead[, assisted by {parts}][, to meet at {meeting_at}]",
    ),
    "report_part": Words("{part_unit}协办完成：{result}", "reported the part of {part_unit} done: {result}"),
    "summon": Words("吹哨召集{parts}", "whistled for {parts}"),
    "answer_summons": Words(
        "{part_unit}应哨报到[，按时：{in_time}]", "reported for {part_unit}, which was summoned[; in time: {in_time}]"
    ),
    "escalate": Words("将案卷上报上级，层级{level}", "let the case climb to level {level}"),
    "auto_escalate": Words(
        "{stage}时限到达{step}，按规则处理[，层级{level}][，第{urging}次督办]",
        "acted on the time to {stage} by rule, at {step}[: level {level}][: urging {urging}]",
    ),
    "correct": Words(
        "更正案卷[，原类别{category_before}][，位置{location}][，原区域{routing_key_before}]",
        "corrected the case[; category was {category_before}][; place {location}][; area was {routing_key_before}]",
    ),
    "merge": Words("并入案卷{merged_into_number}", "merged the case into {merged_into_number}"),
    "absorb": Words("并入了案卷{absorbed_number}", "took in case {absorbed_number}"),
    "add_report": Words("并入重复上报", "took in another report of the same matter"),
    "remove_report": Words("移出上报，另立案卷", "let a report go to a case of its own"),
    "withdraw": Words("上报人撤回上报，案卷作废", "heard that the reporter withdrew the report; the case is void"),
    "note_withdrawal": Words("记录：上报人撤回上报", "noted that the reporter withdrew the report"),
    "note_addition": Words("记录：上报人补充", "noted what the reporter added"),
    "void": Words("作废[，理由：{reason}]", "voided the case[: {reason}]"),
    "reopen": Words("重开为新案卷", "reopened it as a new case"),
    "appeal": Words("申诉[：{reason}]", "appealed[: {reason}]"),
    "review_appeal": Words("初审申诉[，建议：{recommended}]", "reviewed the appeal[: recommended: {recommended}]"),
    "decide_appeal": Words("终审申诉[，同意：{approved}]", "decided the appeal[: approved: {approved}]"),
    "reassign_task": Words("改派任务[，指派{assignee}]", "gave the task to another[: {assignee}]"),
    "mark_warned": Words(
        "黄灯预警：{stage}时限已过80%", "gave a yellow warning: 80 % of the time to {stage} has passed"
    ),
    "mark_overdue": Words("红灯超期：{stage}超期", "marked it overdue: the time to {stage} has passed"),
    "mark_unanswered": Words("记录{who}逾期未回复", "marked that {who} did not answer in time"),
    "recompute": Words(
        "按新公布的日历重算{stage}时限，原截止时间{due_before}，现为{due_after}",
        "counted the time to {stage} again by the published calendar: due at {due_after}, not at {due_before}",
    ),
    "import": Words("从{system}导入历史案卷{old_number}", "took in case {old_number} of {system}"),
}
STAGES: Mapping[str, Words] = {
    "accept": Words("受理", "accept"),
    "verify": Words("核实", "verify"),
    "file": Words("立案", "file"),
    "dispatch": Words("派遣", "dispatch"),
    "handle": Words("处置", "handle"),
    "check": Words("核查", "check"),
}
UNITS: Mapping[str, Words] = {
    "work_minute": Words("工作分钟", "work minutes"),
    "work_hour": Words("工作小时", "work hours"),
    "work_day": Words("工作日", "work days"),
    "urgent_minute": Words("紧急分钟", "urgent minutes"),
    "urgent_hour": Words("紧急小时", "urgent hours"),
    "urgent_day": Words("紧急日", "urgent days"),
}
OUTCOMES: Mapping[str, Words] = {
    "true": Words("是", "yes"),
    "false": Words("否", "no"),
    "not_found": Words("未找到现场", "place not found"),
}
ASKED: Mapping[str, Words] = {
    "return": Words("退单", "return"),
    "extension": Words("延期", "extension"),
    "suspension": Words("挂账", "suspension"),
}
