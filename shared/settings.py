"""Settings that every service has. Environment variables, prefix `WANGGE_`; a service's own add to them."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What a process is told from outside. A value that makes no sense is refused at start, with its name."""

    model_config = SettingsConfigDict(env_prefix="WANGGE_", extra="ignore", frozen=True)

    environment: Literal["development", "test", "production"] = "development"
    database_url: str = Field("postgresql://wangge@127.0.0.1:5432/wangge", description="PostgreSQL 15 or later")
    pool_size: int = Field(8, ge=2, le=100, description="connections of one process; its relay and readers have more")
    carrier: Literal["embedded", "kafka"] = "embedded"
    kafka_bootstrap: str = "127.0.0.1:9092"
    kafka_replication: int = Field(1, ge=1, le=5, description="copies of each topic that `wangge migrate` creates")
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_ca_file: Path | None = None
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_username: str | None = None
    kafka_password: SecretStr | None = None
    pack: str = "haidian"
    data_dir: Path = Path(".wangge")
    token_secret: SecretStr | None = Field(None, description="signs development tokens (HS256); at least 32 bytes")
    token_issuer: str = "wangge-development"
    token_audience: str = "wangge"
    otlp_endpoint: str | None = Field(None, description="traces and metrics go here over OTLP/HTTP; none: off")
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    drain_seconds: float = Field(10.0, gt=0, description="how long a stopping process may finish what it began")
    max_body_bytes: int = Field(1 << 20, ge=1024, description="a larger JSON body is answered with 413")
    cors_origins: list[str] = Field(default_factory=list)
    idempotency_hours: int = Field(72, ge=1)
    embedded_log_days: int = Field(7, ge=1)
    stream_log_days: int = Field(7, ge=1)

    @model_validator(mode="after")
    def _production_has_no_development_tokens(self) -> "Settings":
        if self.token_secret is not None:
            if self.environment == "production":
                raise ValueError(
                    "WANGGE_TOKEN_SECRET signs development tokens and is not allowed with "
                    "WANGGE_ENVIRONMENT=production: unset it"
                )
            if len(self.token_secret.get_secret_value()) < 32:
                raise ValueError("WANGGE_TOKEN_SECRET must be at least 32 characters long")
        return self
