"""Settings of dispatch, beside those that every service has."""

from pathlib import Path

from pydantic import Field, SecretStr

from shared.settings import Settings


class DispatchSettings(Settings):
    """`clock_batch` cases are marked in one transaction at the most."""

    clock_batch: int = Field(500, ge=1, le=5000)
    clock_poll_seconds: float = Field(0.5, gt=0, le=2.0, description="how late a mark may be looked for at the most")
    calendar_poll_seconds: float = Field(2.0, gt=0, le=60.0, description="how soon a published calendar is in force")
    accounts_key_file: Path | None = Field(None, description="signs tokens of built-in accounts: PEM, Ed25519")
    session_minutes: int = Field(30, ge=1, le=60, description="a token of a built-in account is good for so long")
    session_hours: int = Field(12, ge=1, le=24, description="how long it may be renewed after signing in")
    sign_in_failures: int = Field(5, ge=1, le=100, description="so many lock the account's name")
    sign_in_window_minutes: int = Field(15, ge=1, le=1440, description="when they come within so many minutes")
    sign_in_lock_minutes: int = Field(15, ge=1, le=1440, description="for so long")
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
