"""Settings of dispatch, beside those that every service has."""

from pathlib import Path

from pydantic import Field, SecretStr

from shared.settings import Settings


class DispatchSettings(Settings):
    """`clock_batch` cases are marked in one transaction at the most."""

    clock_batch: int = Field(500, ge=1, le=5000)
    clock_poll_seconds: float = Field(0.5, gt=0, le=2.0, description="how late a mark may be looked for at the most")
    audit_key: SecretStr | None = Field(
        None,
        description="32 bytes in base64 that seal the audit trail; needed in production. Elsewhere, when it is not "
        "given, one is made and kept in the data folder",
    )
    audit_old_keys: list[SecretStr] = Field(default_factory=list, description="earlier audit keys, for checking")
    audit_checkpoint_seconds: float = Field(
        300.0, gt=0, description="how often a checkpoint is made, if anything changed"
    )
    audit_anchor_dir: Path | None = Field(None, description="folder to which checkpoints are copied out")
