"""The columns of a history file, as docs/history.md explains them: the same for CSV and NDJSON."""

from services.dispatch.domain.history import CLOSED, REPORTED, STEPS, TIMED
from shared.imports.reading import Format
from shared.kernel.errors import Malformed

# Without these in its header a file is refused; whether a cell may be empty depends on the row.
REQUIRED = ("number", "outcome", "category", "source", f"{STEPS[REPORTED]}_at", f"{STEPS[CLOSED]}_at")

COLUMNS = (
    "number",
    "outcome",
    "category",
    "condition",
    "description",
    "source",
    "area",
    "lon",
    "lat",
    "datum",
    *(f"{step}_at" for step in STEPS),
    "unit",
    "first_unit",
    "limit_amount",
    "limit_unit",
    "due_at",
    *(f"{STEPS[step]}_on_time" for step in TIMED),
    "rework",
    "suspended",
    "evidence_refused",
    *(f"{step}_by" for step in STEPS),
    *(f"{step}_post" for step in STEPS),
)


class BadHistoryFile(Malformed):
    slug, title, title_zh = "bad-history-file", "Not a history file", "历史案卷文件无效"


FORMAT = Format(COLUMNS, REQUIRED, BadHistoryFile, "wangge history template")
