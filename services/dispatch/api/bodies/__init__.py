"""What acts carry, one body for each kind of act."""

from collections.abc import Mapping

from services.dispatch.api.bodies.body import ActBody, OpinionBody
from services.dispatch.api.bodies.filing import (
    CorrectionBody,
    DispatchBody,
    FileBody,
    HandledBody,
    MergeBody,
    ReopenBody,
)
from services.dispatch.api.bodies.requests import DecisionBody, ReasonBody, ReturnBody, ReviewBody, SuspensionBody
from services.dispatch.api.bodies.tasks import CheckBody, RequestBody, SelfHandledBody, VerificationBody
from services.dispatch.api.bodies.together import CoordinationBody, PartsBody, PassBody, UrgingBody, UrgingReplyBody
from services.dispatch.domain.case import Act

__all__ = ["BODIES", "ActBody"]

# What an act carries: those not named no more than every act may.
BODIES: Mapping[Act, type[ActBody]] = {
    Act.REQUEST_VERIFICATION: RequestBody,
    Act.ANSWER_VERIFICATION: VerificationBody,
    Act.FILE: FileBody,
    Act.DISPATCH: DispatchBody,
    Act.REPORT_HANDLED: HandledBody,
    Act.REQUEST_CHECK: RequestBody,
    Act.ANSWER_CHECK: CheckBody,
    Act.SPOT_CHECK: CheckBody,
    Act.SELF_HANDLE: SelfHandledBody,
    Act.SEND_BACK: OpinionBody,
    Act.RECALL: OpinionBody,
    Act.PASS_ON: PassBody,
    Act.REQUEST_RETURN: ReasonBody,
    Act.REQUEST_EXTENSION: ReasonBody,
    Act.REQUEST_SUSPENSION: SuspensionBody,
    Act.APPROVE_RETURN: ReturnBody,
    Act.REFUSE_RETURN: OpinionBody,
    Act.REFUSE_EXTENSION: OpinionBody,
    Act.REFUSE_SUSPENSION: OpinionBody,
    Act.URGE: UrgingBody,
    Act.REPLY_URGING: UrgingReplyBody,
    Act.COORDINATE: CoordinationBody,
    Act.REPORT_PART: HandledBody,
    Act.SUMMON: PartsBody,
    Act.ANSWER_SUMMONS: OpinionBody,
    Act.ESCALATE: OpinionBody,
    Act.CORRECT: CorrectionBody,
    Act.MERGE: MergeBody,
    Act.VOID: OpinionBody,
    Act.FORCE_CLOSE: OpinionBody,
    Act.REOPEN: ReopenBody,
    Act.APPEAL: ReasonBody,
    Act.REVIEW_APPEAL: ReviewBody,
    Act.DECIDE_APPEAL: DecisionBody,
}
