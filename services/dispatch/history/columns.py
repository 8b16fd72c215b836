"""The columns of a history file, as docs/history.md explains them: the same for CSV and NDJSON."""

from services.dispatch.domain.history import CLOSED, REPORTED, STEPS, TIMED

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

# What a file of refused rows has before the row itself. An import passes over them, so that the file can be mended and
# given again; `error_raw` holds a row that could not be taken apart into columns.
ERROR_COLUMNS = ("error_line", "error_field", "error_why", "error_right", "error_raw")
