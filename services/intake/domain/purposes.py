"""For what somebody may look at, or end, what is personal of a report.

Personal information protection law of China 个人信息保护法 (PIPL, in force since 2021-11-01), art. 6: a clear and
reasonable purpose, the least that it needs; art. 51: who may do it is set, and it is recorded; art. 47: erased when the
purpose is reached, the time is over, or the person takes the consent back.
"""

from enum import StrEnum
from typing import Final

from shared.kernel.errors import NotFound

ENDED: Final = ("closed", "rejected", "voided")
"""Statuses of a case after which a report's time runs."""


class Purpose(StrEnum):
    """Why a personal part is read."""

    RETURN_VISIT = "return_visit"  # 回访
    VERIFICATION = "verification"  # 核实情况
    EMERGENCY = "emergency"  # 紧急处置
    SUBJECT_REQUEST = "subject_request"  # 本人请求 (art. 45)
    LEGAL_DUTY = "legal_duty"  # 法定职责 (art. 13, 34)


class Reason(StrEnum):
    """Why a person, or a report, is erased."""

    CONSENT_WITHDRAWN = "consent_withdrawn"  # 撤回同意 (art. 15, 47)
    SUBJECT_REQUEST = "subject_request"  # 本人请求 (art. 47)
    PURPOSE_REACHED = "purpose_reached"  # 目的已实现 (art. 47)
    UNLAWFUL = "unlawful"  # 违法处理 (art. 47)


class NothingPersonal(NotFound):
    slug, title, title_zh = "nothing-personal", "Nothing personal came with this", "没有个人信息"


class PersonalErased(NotFound):
    slug, title, title_zh = "personal-erased", "What was personal is erased", "个人信息已删除"
