"""Facts on their way out: to a webhook, signed (Standard Webhooks), to the address that was checked, within a time
limit; and notify's own, that a reporter is to be told.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import orjson
from standardwebhooks import Webhook as Signature

from services.notify.domain.due import Due
from services.notify.domain.standing import Outcome
from services.notify.domain.webhook import allowed_address, read_target
from shared.bus.event import Event
from shared.contracts.notify import MessageDue
from shared.kernel.clock import Clock
from shared.kernel.errors import Refusal
from shared.kernel.ids import uuid7

CONCURRENT = 8
_READ_AT_MOST = 65_536


def message_due(due: Due) -> Event:
    """A subject of its own for each report and template: there is one such fact."""
    fact = MessageDue(report_id=due.report_id, template=due.template, routing_key=due.routing_key, at=due.at)
    subject, data = f"{due.report_id}.{due.template}", fact.model_dump_json().encode()
    return Event(fact.TOPIC, due.routing_key, uuid7(), fact.TYPE, subject, 1, due.routing_key, None, due.at, data)


async def addresses_of(host: str, port: int) -> list[str]:
    """Every address `host` resolves to; none when it does not resolve."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def checked_address(url: str, *, private_allowed: bool) -> str:
    """The address to connect to for `url`. Raises BadWebhookUrl, TargetNotAllowed."""
    host, port = read_target(url)
    return allowed_address(host, await addresses_of(host, port), private_allowed=private_allowed)


class Line:
    """Connections to one webhook's receiver, all to one checked address."""

    def __init__(
        self, client: httpx.AsyncClient | None, refused: str | None, url: str, secret: str, address: str
    ) -> None:
        self._client = client
        self._refused = refused
        self._signature = Signature(secret)
        target = httpx.URL(url)
        # Connecting by address while naming the host (Host header, TLS server name): what was checked is what is
        # called, whatever the name resolves to a moment later.
        self._url = target.copy_with(host=address) if address else target
        self._host = target.netloc.decode("ascii")
        self._extensions = {"sni_hostname": target.host}

    async def send(self, event: bytes, clock: Clock, seconds: float) -> Outcome:
        """Deliver one structured CloudEvent; never raises for what the receiver does."""
        if self._client is None:
            return Outcome(None, self._refused)
        now = clock()
        event_id = str(orjson.loads(event)["id"])
        headers = {
            "Host": self._host,
            "Content-Type": "application/cloudevents+json; charset=utf-8",
            "webhook-id": event_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signature.sign(msg_id=event_id, timestamp=now, data=event.decode()),
        }
        try:
            async with (
                asyncio.timeout(seconds),
                self._client.stream(
                    "POST", self._url, content=event, headers=headers, extensions=self._extensions
                ) as answer,
            ):
                read = 0
                async for piece in answer.aiter_raw():  # to the end, so that the connection can be used again
                    read += len(piece)
                    if read > _READ_AT_MOST:
                        break
                status = answer.status_code
        except TimeoutError:
            return Outcome(None, f"no answer within {seconds:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ssl.SSLError) as error:
            return Outcome(None, f"{type(error).__name__}: {error}"[:500])
        return Outcome.answered(status)


class Sender:
    """Opens lines to receivers. One TLS context for all: making one takes 20 ms."""

    def __init__(self, *, clock: Clock, seconds: float, private_allowed: bool) -> None:
        self.clock = clock
        self.seconds = seconds
        self.private_allowed = private_allowed
        self._tls: ssl.SSLContext | None = None

    @asynccontextmanager
    async def line(self, url: str, secret: str) -> AsyncIterator[Line]:
        """A line to `url`. A target that may not be called gives one on which every delivery fails and says why."""
        try:
            async with asyncio.timeout(self.seconds):
                address = await checked_address(url, private_allowed=self.private_allowed)
        except (Refusal, TimeoutError) as error:
            yield Line(None, str(error) or "the name was not resolved in time", url, secret, "")
            return
        if self._tls is None:
            self._tls = httpx.create_ssl_context()
        # A client for each line: two receivers behind one address must never share a TLS connection.
        async with httpx.AsyncClient(
            verify=self._tls,
            trust_env=False,
            follow_redirects=False,
            timeout=self.seconds,
            limits=httpx.Limits(max_connections=CONCURRENT, max_keepalive_connections=CONCURRENT),
            headers={"User-Agent": "wangge-notify/1"},
        ) as client:
            yield Line(client, None, url, secret, address)

    async def send(self, line: Line, event: bytes) -> Outcome:
        """Deliver one event on `line` within the time limit."""
        return await line.send(event, self.clock, self.seconds)
