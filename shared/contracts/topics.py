"""The topics, who owns each, and how it is kept."""

from typing import NamedTuple


class Topic(NamedTuple):
    """A topic is written by its owner alone and may be read by all.

    A compacted topic keeps the newest record of each key for ever; the others are kept `retention_days`.
    """

    name: str
    owner: str
    compacted: bool = False
    partitions: int = 12
    retention_days: int = 30


REPORTS = Topic("wangge.intake.reports.v1", "intake")
AREAS = Topic("wangge.intake.areas.v1", "intake", compacted=True)
KEYS = Topic("wangge.intake.keys.v1", "intake", compacted=True)
ACTIVITIES = Topic("wangge.intake.activities.v1", "intake")
CASES = Topic("wangge.dispatch.cases.v1", "dispatch")
SCORES = Topic("wangge.evaluation.scores.v1", "evaluation")
MESSAGES = Topic("wangge.notify.messages.v1", "notify")
TOLD = Topic("wangge.intake.messages.v1", "intake")

ALL = (REPORTS, AREAS, KEYS, ACTIVITIES, CASES, SCORES, MESSAGES, TOLD)
BY_NAME = {topic.name: topic for topic in ALL}
