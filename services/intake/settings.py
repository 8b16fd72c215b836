"""Intake's own settings, beside those every service has."""

from datetime import timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import orjson
from pydantic import Field, SecretStr, model_validator

from shared.settings import Settings


class IntakeSettings(Settings):
    """Environment variables, prefix `WANGGE_`."""

    personal_key: SecretStr | None = Field(
        None,
        description="32 bytes in base64 that encrypt what names a person; needed in production. Elsewhere, when it is "
        "not given, one is made and kept in the data folder",
    )
    personal_old_keys: list[SecretStr] = Field(
        default_factory=list, description="earlier personal keys, until `wangge personal rewrap` has been run"
    )
    media_max_bytes: int = Field(20 << 20, ge=1024, description="a larger file is answered with 413")
    media_url: str | None = Field(
        None,
        description="where files are kept: s3://bucket/prefix (with AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and the like, "
        "as other S3 clients read them) or file:///folder; left out: the folder `media` in the data folder",
    )
    media_unnamed_days: int = Field(7, ge=1, description="a file that no report and no act names is kept so long")
    media_offered_days: int = Field(30, ge=1, description="place and time that a device wrote are kept so long")
    media_unnamed_most: int = Field(10_000, ge=1, description="such files of one caller; a further one: 429")
    media_upload_hours: int = Field(24, ge=1, description="an upload waits so long for its next part")
    media_thumbnails_at_once: int = Field(1, ge=1, le=16, description="pictures that one process makes smaller at once")
    batch_max_lines: int = Field(5_000, ge=1, le=50_000)
    batch_max_bytes: int = Field(256 << 20, ge=1024)
    areas_max_bytes: int = Field(64 << 20, ge=1024)
    area_tolerance_m2: float = Field(10.0, ge=0, description="gaps and overlaps of grids up to this size are let pass")
    group_writers: int = Field(2, ge=1, le=8, description="transactions of posted reports under way at once")
    group_most: int = Field(256, ge=1, le=5_000, description="reports in one of them, at the most")
    group_room: int = Field(4_096, ge=1, description="reports that may wait; a further one is answered with 503")
    merge_duplicates: bool = Field(
        True, description="reports of the same matter share a case, as the pack says when; off: each gets its own"
    )
    anonymous_posts: bool = Field(
        False, description="take reports without a key, where the pack allows reports by anonymous people"
    )
    anonymous_network_hourly: int = Field(60, ge=1, description="of those from one network: a /24, or a /64 of IPv6")
    anonymous_spot_hourly: int = Field(12, ge=1, description="of those of one category within some 50 m")
    anonymous_second: int = Field(20, ge=1, description="of those from everybody, in each process")
    activities_personal_days: int = Field(
        365, ge=1, description="after so many days what names a person in field work is destroyed; the rest stays"
    )
    activities_max_lines: int = Field(2_000, ge=1, le=20_000, description="lines of a batch of activities 工作记录")
    public_url: str | None = Field(None, description="where reporters reach the city, for links in messages")
    sms_url: str | None = Field(None, description="gateway for text messages to reporters; none: no text messages")
    sms_body: str = Field(
        '{"to": "{phone}", "text": "{text}", "id": "{id}"}', description="the JSON that it takes; filled in as named"
    )
    sms_secret: SecretStr | None = Field(None, description="signs what is sent to the gateway (HMAC-SHA-256)")
    smtp_host: str | None = Field(None, description="mail server for messages to reporters; none: no e-mail")
    smtp_port: int = Field(587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_ca_file: Path | None = Field(None, description="checks the mail server's certificate; none: the system's")
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_from: str | None = Field(None, description="the sender's address")
    message_timeout_seconds: float = Field(10.0, gt=0, le=30, description="for one message")
    message_first_retry: timedelta = Field(timedelta(seconds=30), description="doubles with each failure")
    message_longest_retry: timedelta = timedelta(hours=1)
    message_give_up_after: timedelta = Field(timedelta(days=1), description="a message due for so long is given up")
    open311_url: str | None = Field(
        None, description="public address of /intake/open311/v2, as discovery tells it; left out: as it was asked"
    )
    open311_contact: str | None = Field(None, description="whom a developer asks; left out: the city's name")
    open311_key_service: str | None = Field(None, description="how one comes by an api_key: words or an address")
    open311_jurisdictions: dict[str, str] = Field(
        default_factory=dict,
        description='parts of the city that are jurisdictions of their own: {"xueyuanlu.example": "110108.011"}',
    )

    @model_validator(mode="after")
    def _channels_are_named_wholly(self) -> "IntakeSettings":
        if (self.sms_url or self.smtp_host) and not self.public_url:
            raise ValueError("WANGGE_SMS_URL and WANGGE_SMTP_HOST need WANGGE_PUBLIC_URL: messages carry links to it")
        if self.smtp_host and "@" not in (self.smtp_from or ""):
            raise ValueError("WANGGE_SMTP_HOST needs WANGGE_SMTP_FROM: the sender's address")
        if self.sms_url is not None and urlsplit(self.sms_url).scheme not in ("http", "https"):
            raise ValueError("WANGGE_SMS_URL must be an http or https address")
        try:
            orjson.loads(self.sms_body)
        except orjson.JSONDecodeError as error:
            raise ValueError(f"WANGGE_SMS_BODY is not JSON: {error}") from None
        if "{phone}" not in self.sms_body or "{text}" not in self.sms_body:
            raise ValueError("WANGGE_SMS_BODY must hold {phone} and {text}")
        return self
