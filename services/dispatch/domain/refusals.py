"""Why an act on a case is refused. A refused act changes nothing."""

from shared.kernel.errors import Conflict, Forbidden, Invalid, NotFound, StaleVersion, Unavailable


class CaseNotFound(NotFound):
    """No such case, or none in the caller's area: the two are told apart to nobody."""

    slug, title, title_zh = "case-not-found", "No such case", "案卷不存在"


class CaseChanged(StaleVersion):
    """`facts` carry the case as it is now."""

    slug, title, title_zh = "case-changed", "The case has changed since it was read", "案卷已变更，请刷新后重试"


class WrongCentre(Forbidden):
    slug, title, title_zh = "wrong-centre", "Another centre's act", "该操作属于其他中心"


class WrongPost(Forbidden):
    slug, title, title_zh = "wrong-post", "Another post's act", "该操作属于其他岗位"


class ActNotPossibleNow(Conflict):
    slug, title, title_zh = "act-not-possible-now", "Not possible in the case's status", "案卷当前状态不允许此操作"


class NotThisUnit(Forbidden):
    slug, title, title_zh = "not-this-unit", "Another unit's case", "案卷未派遣给本单位"


class OwnWork(Forbidden):
    slug, title, title_zh = "own-work", "Nobody checks their own work", "不得核查本人或本单位的处置结果"


class CheckNotPassed(Conflict):
    slug, title, title_zh = "check-not-passed", "The check was not passed", "核查未通过，不能结案"


class UnknownCondition(Invalid):
    slug, title, title_zh = "unknown-condition", "Not a filing condition of this category", "立案条件不属于该类别"


class UnknownUnit(Invalid):
    slug, title, title_zh = "unknown-unit", "No such handling unit", "处置单位不存在"


class TooFarAway(Invalid):
    slug, title, title_zh = "too-far-away", "Checked too far from the case", "核查位置超出允许范围"


class AnsweredInTheFuture(Invalid):
    slug, title, title_zh = "answered-in-the-future", "Answered at a time that has not come", "回复时间晚于当前时间"


class FieldMissing(Invalid):
    slug, title, title_zh = "field-missing", "A field is missing", "缺少必填字段"


class RequestOpen(Conflict):
    slug, title, title_zh = "request-open", "A request waits for its decision", "已有未决申请"


class NoSuchRequest(Conflict):
    slug, title, title_zh = "no-such-request", "There is no such request to decide", "没有待审批的此类申请"


class LimitPassed(Conflict):
    slug, title, title_zh = "limit-passed", "The deadline has passed", "时限已过，不能申请延期"


class UsedUp(Conflict):
    slug, title, title_zh = "used-up", "As often as it may be", "次数已用完"


class NotDissolved(Conflict):
    slug, title, title_zh = "not-dissolved", "The unit exists and works on it", "处置单位仍在，不能收回"


class UnitDissolved(Conflict):
    slug, title, title_zh = "unit-dissolved", "The handling unit was dissolved", "处置单位已撤销"


class NotPartners(Forbidden):
    slug, title, title_zh = "not-partners", "The two units do not send work to one another", "两单位未约定双向派单"


class NoPart(Forbidden):
    slug, title, title_zh = "no-part", "This unit has no open part in the case", "本单位在该案卷中没有未完成的任务"


class NotUrged(Conflict):
    slug, title, title_zh = "not-urged", "No urging waits for a reply", "没有待回复的督办"


class HigherLevel(Forbidden):
    slug, title, title_zh = "higher-level", "A higher level answers for the case", "案卷已由上级受理"


class TopLevel(Conflict):
    slug, title, title_zh = "top-level", "There is no level above", "已到最高层级"


class ClosedTooLong(Conflict):
    slug, title, title_zh = "closed-too-long", "Closed too long ago", "结案已超过可重开期限"


class ReopenedBefore(Conflict):
    slug, title, title_zh = "reopened-before", "It was reopened before", "该案卷已重开过"


class NothingToAppeal(Conflict):
    slug, title, title_zh = "nothing-to-appeal", "No overdue mark to appeal against", "没有可申诉的超期"


class AppealedBefore(Conflict):
    slug, title, title_zh = "appealed-before", "An appeal is made once", "申诉只能提出一次"


class NoAppeal(Conflict):
    slug, title, title_zh = "no-appeal", "No appeal waits for this", "没有处于该环节的申诉"


class NotSelfHandled(Conflict):
    slug, title, title_zh = "not-self-handled", "Only what was handled on the spot", "仅适用于现场自处理的案卷"


class NotYourTask(Forbidden):
    slug, title, title_zh = "not-your-task", "Somebody else's task", "该任务属于其他人员"


class TaskStale(Conflict):
    slug, title, title_zh = "task-stale", "The task is no longer open", "任务已失效"


class AnsweredTooLate(Invalid):
    slug, title, title_zh = "answered-at-refused", "Not a time at which this task could be answered", "回复时间无效"


class NothingCorrected(Invalid):
    slug, title, title_zh = "nothing-corrected", "Nothing would be corrected", "没有需要更正的内容"


class CannotMerge(Invalid):
    slug, title, title_zh = "cannot-merge", "The two cannot be merged", "两案卷不能合并"


class UnknownCategory(Invalid):
    slug, title, title_zh = "unknown-category", "No such category", "类别不存在"


class UnknownArea(Invalid):
    slug, title, title_zh = "unknown-area", "No such area", "区域不存在"


class BadUntil(Invalid):
    slug, title, title_zh = "bad-until", "Not a day a suspension may end on", "挂账期限无效"


class RulesUnreadable(Unavailable):
    """Of a later release, say. A reader waits, as for a database that is away: nothing may be parked for it."""

    slug, title, title_zh = "routing-rules-unreadable", "The routing rules in force cannot be read", "派遣规则无法读取"


class UnknownVersion(NotFound):
    slug, title, title_zh = "unknown-routing-version", "No such version of the routing rules", "派遣规则版本不存在"


class NotYet(Invalid):
    slug, title, title_zh = "starts-in-the-past", "Rules come into force now or later", "生效时间不得早于当前时间"
