"""Settings of dispatch, beside those that every service has."""

from pydantic import Field

from shared.settings import Settings


class DispatchSettings(Settings):
    """`clock_batch` cases are marked in one transaction at the most."""

    clock_batch: int = Field(500, ge=1, le=5000)
    clock_poll_seconds: float = Field(0.5, gt=0, le=2.0, description="how late a mark may be looked for at the most")
    calendar_poll_seconds: float = Field(2.0, gt=0, le=60.0, description="how soon a published calendar is in force")
