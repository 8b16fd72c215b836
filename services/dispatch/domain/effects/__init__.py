"""What single acts change in a case beyond its status and clocks, and what their facts tell."""

from collections.abc import Mapping

from services.dispatch.domain.case import Act
from services.dispatch.domain.effects import ending, filing, heard, moving, requests, tasks, together
from services.dispatch.domain.effects.effect import NO_EFFECT, Effect, EffectOf
from services.dispatch.domain.matters import RequestKind

__all__ = ["EFFECTS", "NO_EFFECT", "Effect", "EffectOf"]

EFFECTS: Mapping[Act, EffectOf] = {
    Act.REQUEST_VERIFICATION: tasks.request_task,
    Act.ANSWER_VERIFICATION: tasks.answer_verification,
    Act.REQUEST_CHECK: tasks.request_task,
    Act.ANSWER_CHECK: tasks.answer_check,
    Act.REASSIGN_TASK: tasks.reassign,
    Act.SPOT_CHECK: tasks.spot_check,
    Act.FILE: filing.file_case,
    Act.AUTO_FILE: filing.file_case,
    Act.SEND_BACK: filing.send_back,
    Act.DISPATCH: filing.dispatch,
    Act.AUTO_DISPATCH: filing.dispatch,
    Act.TAKE: filing.take,
    Act.REPORT_HANDLED: filing.report_handled,
    Act.ORDER_REWORK: filing.order_rework,
    Act.REQUEST_RETURN: requests.ask(RequestKind.RETURN),
    Act.REQUEST_EXTENSION: requests.ask(RequestKind.EXTENSION),
    Act.REQUEST_SUSPENSION: requests.ask(RequestKind.SUSPENSION),
    Act.WITHDRAW_REQUEST: requests.withdraw,
    Act.APPROVE_RETURN: requests.approve_return,
    Act.REFUSE_RETURN: requests.refuse,
    Act.APPROVE_EXTENSION: requests.approve_extension,
    Act.REFUSE_EXTENSION: requests.refuse,
    Act.APPROVE_SUSPENSION: requests.approve_suspension,
    Act.REFUSE_SUSPENSION: requests.refuse,
    Act.RESUME: requests.resume,
    Act.RESUME_ON_DATE: requests.resume,
    Act.RECALL: requests.recall,
    Act.PASS_ON: together.pass_on,
    Act.URGE: together.urge,
    Act.REPLY_URGING: together.reply_urging,
    Act.COORDINATE: together.coordinate,
    Act.REPORT_PART: together.report_part,
    Act.SUMMON: together.summon,
    Act.ANSWER_SUMMONS: together.answer_summons,
    Act.ESCALATE: together.escalate,
    Act.CORRECT: moving.correct,
    Act.ABSORB: moving.absorb,
    Act.ADD_REPORT: moving.add_report,
    Act.REMOVE_REPORT: moving.remove_report,
    Act.MERGE: ending.merge,
    Act.SELF_HANDLE: ending.self_handle,
    Act.DECLINE: ending.close,
    Act.REFUSE_FILING: ending.close,
    Act.CLOSE: ending.close,
    Act.VOID: ending.end,
    Act.WITHDRAW: heard.withdraw,
    Act.NOTE_WITHDRAWAL: heard.note_withdrawal,
    Act.NOTE_ADDITION: heard.note_addition,
    Act.FORCE_CLOSE: ending.force_close,
    Act.REOPEN: ending.reopen,
    Act.APPEAL: ending.appeal,
    Act.REVIEW_APPEAL: ending.review_appeal,
    Act.DECIDE_APPEAL: ending.decide_appeal,
}
