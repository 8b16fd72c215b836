"""What a check of the audit trail finds, in the words of both languages."""

from enum import StrEnum
from typing import NamedTuple
from uuid import UUID


class Kind(StrEnum):
    ROW_CHANGED = "row_changed"
    ROW_MOVED = "row_moved"
    ROW_REPLACED = "row_replaced"
    ROW_WITHOUT_MAC = "row_without_mac"
    ROWS_MISSING = "rows_missing"
    TAIL_MISSING = "tail_missing"
    CHAIN_BROKEN = "chain_broken"
    CASE_CHANGED = "case_changed"
    HEAD_CHANGED = "head_changed"
    CASE_MISSING = "case_missing"
    CHECKPOINT_CHANGED = "checkpoint_changed"
    CHECKPOINT_MISSING = "checkpoint_missing"
    ENTRIES_CHANGED = "entries_changed"
    COPY_CHANGED = "copy_changed"
    COPY_DIFFERS = "copy_differs"
    COPY_KNOWS_MORE = "copy_knows_more"


# `{…}` are the finding's facts.
WORDS: dict[Kind, tuple[str, str]] = {
    Kind.ROW_CHANGED: (
        "第{version}条记录被修改或伪造",
        "row {version} was edited, or forged without the key",
    ),
    Kind.ROW_MOVED: (
        "第{version}条记录原为第{was}条，顺序被改动",
        "row {version} was row {was}: the order was changed",
    ),
    Kind.ROW_REPLACED: (
        "第{version}条记录与检查点{checkpoint}所见不符，被持有密钥者替换",
        "row {version} is not the one that checkpoint {checkpoint} saw: replaced by somebody who has the key",
    ),
    Kind.ROW_WITHOUT_MAC: (
        "第{version}条记录没有校验码，而所有记录均已封存",
        "row {version} has no mac, and every row had been given one",
    ),
    Kind.ROWS_MISSING: (
        "第{version}至{to}条记录被删除",
        "rows {version} to {to} were deleted",
    ),
    Kind.TAIL_MISSING: (
        "末尾被截断：应有{to}条记录，从第{version}条起缺失",
        "the end was cut off: there were {to} rows, from {version} on they are gone",
    ),
    Kind.CHAIN_BROKEN: (
        "第{version}条记录未接在前一条之后",
        "row {version} does not follow the one before it",
    ),
    Kind.CASE_CHANGED: (
        "案卷的{column}被修改：案卷为{found}，记录为{told}",
        "the case's {column} was edited: the case says {found}, its timeline {told}",
    ),
    Kind.HEAD_CHANGED: (
        "案卷的链首校验码被修改",
        "the case's head was edited",
    ),
    Kind.CASE_MISSING: (
        "案卷被删除，曾有{to}条记录",
        "the case was deleted; it had {to} rows",
    ),
    Kind.CHECKPOINT_CHANGED: (
        "检查点{checkpoint}被修改或伪造",
        "checkpoint {checkpoint} was edited, or forged without the key",
    ),
    Kind.CHECKPOINT_MISSING: (
        "检查点{checkpoint}被删除",
        "checkpoint {checkpoint} was deleted",
    ),
    Kind.ENTRIES_CHANGED: (
        "检查点{checkpoint}的明细被修改或删除",
        "entries of checkpoint {checkpoint} were edited or deleted",
    ),
    Kind.COPY_CHANGED: (
        "外部副本第{line}行被修改",
        "line {line} of the outside copy was edited",
    ),
    Kind.COPY_DIFFERS: (
        "检查点{checkpoint}与外部副本不符",
        "checkpoint {checkpoint} is not what the outside copy has",
    ),
    Kind.COPY_KNOWS_MORE: (
        "外部副本有检查点{checkpoint}（共{to}条记录），数据库中没有：其后内容被删除",
        "the outside copy has checkpoint {checkpoint} (of {to} rows in all) and the database has not: what came after "
        "was cut off",
    ),
}


class Finding(NamedTuple):
    """One thing that is not as it was written. Numbers that mean nothing for its kind are None."""

    kind: Kind
    case_id: UUID | None = None
    number: str | None = None
    version: int | None = None
    to: int | None = None
    was: int | None = None
    checkpoint: int | None = None
    line: int | None = None
    column: str | None = None
    found: object = None
    told: object = None

    @property
    def zh(self) -> str:
        return self._where("案卷") + WORDS[self.kind][0].format(**self._asdict())

    @property
    def en(self) -> str:
        return self._where("case ") + WORDS[self.kind][1].format(**self._asdict())

    def _where(self, case: str) -> str:
        if self.case_id is None:
            return ""
        return f"{case}{self.number or '?'} ({self.case_id}): "
