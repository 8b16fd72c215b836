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
    "send_back": Words("退回立案环节[，理由：{reason}]", "sent the case back to filing[: {reason}]"),
    "recall": Words("收回派遣[，理由：{reason}]", "recalled the dispatch[: {reason}]"),
    "pass_on": Words("转交{unit}[，理由：{reason}]", "passed the case on to {unit}[: {reason}]"),
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
    "approve_return": Words("同意退单", "approved the return"),
    "refuse_return": Words("不同意退单[，理由：{reason}]", "refused the return[: {reason}]"),
    "request_extension": Words("申请延期[，理由：{reason}]", "asked for an extension[: {reason}]"),
    "approve_extension": Words("同意延期[，新截止时间{due_at}]", "approved the extension[; due at {due_at}]"),
    "refuse_extension": Words("不同意延期[，理由：{reason}]", "refused the extension[: {reason}]"),
    "request_suspension": Words(
        "申请挂账[至{until}][，理由：{reason}]", "asked to suspend the case[ until {until}][: {reason}]"
    ),
    "approve_suspension": Words("同意挂账[至{until}]", "approved the suspension[ until {until}]"),
    "refuse_suspension": Words("不同意挂账[，理由：{reason}]", "refused the suspension[: {reason}]"),
    "withdraw_request": Words("撤回{kind}申请", "withdrew the request for {kind}"),
    "resume": Words("恢复处置", "resumed the case"),
    "resume_on_date": Words("挂账到期，恢复处置", "resumed the case as its suspension ended"),
    "urge": Words("督办{unit}[，限{due_at}前回复]", "urged {unit}[, to be answered by {due_at}]"),
    "reply_urging": Words("回复督办[：{reply}]", "replied to the urging[: {reply}]"),
    "coordinate": Words("协调{unit}协办[：{task}]", "brought in {unit} to assist[: {task}]"),
    "report_part": Words("协办部分完成[：{result}]", "reported its part done[: {result}]"),
    "summon": Words("吹哨召集{unit}[：{task}]", "whistled for {unit}[: {task}]"),
    "answer_summons": Words("应哨报到", "came when summoned"),
    "escalate": Words("升级案卷[，理由：{reason}]", "escalated the case[: {reason}]"),
    "auto_escalate": Words("自动升级案卷", "escalated the case by rule"),
    "correct": Words(
        "更正案卷[，类别{category}][，位置{location}]", "corrected the case[: category {category}][, place {location}]"
    ),
    "merge": Words("并入案卷[{into}]", "merged the case[ into {into}]"),
    "absorb": Words("并入了其他案卷[{from}]", "took in another case[, {from}]"),
    "void": Words("作废[，理由：{reason}]", "voided the case[: {reason}]"),
    "reopen": Words("重新立案[，新案卷{number}]", "reopened it[ as case {number}]"),
    "appeal": Words("申诉[：{reason}]", "appealed[: {reason}]"),
    "review_appeal": Words("初审申诉[，建议：{recommended}]", "reviewed the appeal[: recommended: {recommended}]"),
    "decide_appeal": Words("终审申诉[，同意：{approved}]", "decided the appeal[: approved: {approved}]"),
    "reassign_task": Words("改派任务[，指派{assignee}]", "gave the task to another[: {assignee}]"),
    "mark_warned": Words(
        "黄灯预警：{stage}时限已过80%", "gave a yellow warning: 80 % of the time to {stage} has passed"
    ),
    "mark_overdue": Words("红灯超期：{stage}超期", "marked it overdue: the time to {stage} has passed"),
    "mark_unanswered": Words("记录逾期未回复", "marked it unanswered in time"),
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
