"""Settings of notify, beside those that every service has."""

from datetime import timedelta

from pydantic import Field

from shared.settings import Settings


class NotifySettings(Settings):
    """`WANGGE_STREAM_…` and `WANGGE_WEBHOOK_…`."""

    stream_queue_events: int = Field(10_000, ge=1, description="a client that falls further behind is cut off")
    stream_queue_bytes: int = Field(16 << 20, ge=1024, description="the same in bytes; waiting events are shared")
    stream_keep_events: int = Field(4_000, ge=1, description="newest events in memory, for clients that come back")
    stream_keep_bytes: int = Field(8 << 20, ge=1024, description="the same in bytes")
    stream_clients: int = Field(20_000, ge=1, description="open streams of one process; one more is answered 503")
    stream_heartbeat_seconds: float = Field(10.0, gt=0, le=14)
    stream_stuck_seconds: float = Field(
        15.0, gt=0, description="how long a client that was cut off may take to read it"
    )
    track_per_second: float = Field(20.0, gt=0, description="look-ups by tracking code from one address")
    webhook_private_targets: bool = Field(False, description="let webhooks point to private and loopback addresses")
    webhook_timeout_seconds: float = Field(10.0, gt=0, le=20, description="for one delivery, connecting included")
    webhook_give_up_after: timedelta = Field(timedelta(days=3), description="failing for so long disables a webhook")
    webhook_first_retry: timedelta = Field(timedelta(seconds=2), description="doubles with each failure")
    webhook_longest_retry: timedelta = timedelta(minutes=10)
    webhooks_per_owner: int = Field(20, ge=1)
