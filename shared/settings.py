"""Settings that every service has. Environment variables, prefix `WANGGE_`; a service's own add to them."""

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
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
    accounts_public_key_file: Path | None = Field(
        None, description="verifies tokens of built-in accounts: PEM, Ed25519"
    )
    accounts_public_key: str | None = Field(None, description="the same as text, in place of a file")
    oidc_issuer: str | None = Field(None, description="identity provider whose tokens are taken: its https address")
    oidc_audience: str | None = Field(None, description="`aud` of the provider's tokens; needed with the issuer")
    oidc_algorithms: Annotated[list[Literal["RS256", "ES256", "EdDSA"]], Field(min_length=1)] = [
        "RS256",
        "ES256",
        "EdDSA",
    ]
    oidc_claims: dict[Literal["centre", "post", "area", "unit"], str] = Field(
        default_factory=dict, description='names that the provider has for our claims: {"post": "job"}'
    )
    otlp_endpoint: str | None = Field(None, description="traces and metrics go here over OTLP/HTTP; none: off")
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    drain_seconds: float = Field(10.0, gt=0, description="how long a stopping process may finish what it began")
    max_body_bytes: int = Field(1 << 20, ge=1024, description="a larger JSON body is answered with 413")
    trusted_proxies: list[str] = Field(
        default_factory=list, description="networks of proxies whose X-Forwarded-For is believed: 10.0.0.0/8"
    )
    cors_origins: list[str] = Field(default_factory=list)
    idempotency_hours: int = Field(72, ge=1)
    embedded_log_days: int = Field(7, ge=1)
    stream_log_days: int = Field(7, ge=1)

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, given: list[str]) -> list[str]:
        for each in given:
            try:
                ip_network(each, strict=False)
            except ValueError:
                raise ValueError(f"{each!r} is no network; write 10.0.0.0/8, or one address") from None
        return given

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

    @model_validator(mode="after")
    def _a_provider_is_named_wholly(self) -> "Settings":
        if self.oidc_issuer is None:
            return self
        if not self.oidc_audience:
            raise ValueError(
                "WANGGE_OIDC_ISSUER needs WANGGE_OIDC_AUDIENCE: the audience that its tokens are meant for"
            )
        parts = urlsplit(self.oidc_issuer)
        near = self.environment == "development" or parts.hostname in ("127.0.0.1", "::1", "localhost")
        if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and near)):
            raise ValueError(
                f"WANGGE_OIDC_ISSUER is {self.oidc_issuer!r}; it must be an https address "
                "(http only on this machine, or in development)"
            )
        return self
