"""Intake's own settings, beside those every service has."""

from pydantic import Field, SecretStr

from shared.settings import Settings


class IntakeSettings(Settings):
    """Environment variables, prefix `WANGGE_`."""

    personal_key: SecretStr | None = Field(
        None,
        description="32 bytes in base64 that encrypt what names a person; needed in production. Elsewhere, when it is "
        "not given, one is made and kept in the data folder",
    )
    media_max_bytes: int = Field(20 << 20, ge=1024, description="a larger file is answered with 413")
    batch_max_lines: int = Field(5_000, ge=1, le=50_000)
    batch_max_bytes: int = Field(16 << 20, ge=1024)
    areas_max_bytes: int = Field(64 << 20, ge=1024)
    area_tolerance_m2: float = Field(10.0, ge=0, description="gaps and overlaps of grids up to this size are let pass")
    group_writers: int = Field(2, ge=1, le=8, description="transactions of posted reports under way at once")
    group_most: int = Field(256, ge=1, le=5_000, description="reports in one of them, at the most")
    group_room: int = Field(4_096, ge=1, description="reports that may wait; a further one is answered with 503")
    merge_duplicates: bool = Field(
        True, description="reports of the same matter share a case, as the pack says when; off: each gets its own"
    )
