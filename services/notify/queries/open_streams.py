"""The streams this process holds open, and what they need from time to time: a heartbeat, a look at their credentials.

One job does it for all of them. A client costs its request's task and its place in `Live`; timers and tasks of its own
would cost 5 kB more each.
"""

import asyncio
import time
from typing import NamedTuple

import structlog

from services.notify.domain.interest import Interest
from services.notify.domain.live import Bounds, CutOff, Listener, Live
from shared.auth import Authenticator, Principal
from shared.jobs import Job, pause
from shared.kernel.errors import Unauthenticated, Unavailable
from shared.keys import KeyRing

log = structlog.get_logger()

LOOK_SECONDS = 1.0
# Clients that read have their last event long before; what is left then is dead.
FAREWELL_SECONDS = 5.0
# Clients that come back all at once (a replica was restarted) read the log in turns, so that they leave connections
# to others.
CATCHING_UP_AT_ONCE = 3


class TooManyStreams(Unavailable):
    slug, title, title_zh = "too-many-streams", "This process holds as many streams as it may", "流连接数已满"


class StreamsNotReady(Unavailable):
    slug, title, title_zh = "streams-not-ready", "Streams are not served at the moment", "推送服务暂不可用"


class Limits(NamedTuple):
    """Settings of the streams of one process."""

    queue: Bounds
    clients: int
    heartbeat_seconds: float
    stuck_seconds: float


class OpenStream:
    """One client. `authorization` is the header it came with; a ticket's stream has none."""

    __slots__ = ("authorization", "beat_at", "cut_at", "key", "listener", "sending_since", "task", "waiter")

    def __init__(self, interest: Interest, queue: Bounds, who: Principal, authorization: str | None) -> None:
        self.listener = Listener(interest, queue, self._wake)
        self.key = who.key
        self.authorization = authorization if who.kind == "staff" else None
        self.task: asyncio.Task[object] | None = None
        self.waiter: asyncio.Future[None] | None = None
        self.beat_at = 0.0
        self.cut_at: float | None = None
        # Set while a write waits for the client to read, also before it has joined the live end.
        self.sending_since: float | None = None

    def _wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    async def something(self) -> None:
        """Until the listener has something to do."""
        if not self.listener.busy:
            self.waiter = asyncio.get_running_loop().create_future()
            await self.waiter
            self.waiter = None


class OpenStreams:
    """All of them."""

    def __init__(self, live: Live, keys: KeyRing, auth: Authenticator, limits: Limits) -> None:
        self.live = live
        self.limits = limits
        self.catching_up = asyncio.Semaphore(CATCHING_UP_AT_ONCE)
        self._keys = keys
        self._auth = auth
        self._open: set[OpenStream] = set()
        self._closing = False

    def __len__(self) -> int:
        return len(self._open)

    def all(self) -> list[OpenStream]:
        """Every open stream, in no order."""
        return list(self._open)

    def admit(self) -> None:
        """Raises StreamsNotReady while starting or stopping, TooManyStreams when full."""
        if self._closing or not self.live.started:
            state = "stopping" if self._closing else "starting"
            raise StreamsNotReady(f"this process is {state}; connect again", facts={"retry_after": 1})
        if len(self._open) >= self.limits.clients:
            raise TooManyStreams(
                f"{self.limits.clients} streams are open here; connect again", facts={"retry_after": 5}
            )

    def opened(self, stream: OpenStream) -> None:
        """A stream began in the running task."""
        stream.task = asyncio.current_task()
        stream.beat_at = time.monotonic() + self.limits.heartbeat_seconds
        self._open.add(stream)

    def ended(self, stream: OpenStream) -> None:
        """It is over."""
        self.live.leave(stream.listener)
        self._open.discard(stream)

    def care_job(self) -> Job:
        """Heartbeats, credentials, dead clients; at the end a last word to everyone."""

        async def run(stop: asyncio.Event) -> None:
            self._closing = False
            while not await pause(stop, LOOK_SECONDS):
                await self._look(time.monotonic())
            await self._farewell()

        return Job("stream-care", run)

    async def _look(self, now: float) -> None:
        for stream in list(self._open):
            listener = stream.listener
            if listener.cut is None:
                if stream.key is not None and not self._keys.opens(stream.key):
                    listener.end(CutOff.CREDENTIALS_ENDED)
                elif stream.sending_since is not None and now - stream.sending_since > self.limits.stuck_seconds:
                    listener.give_up()
                elif now >= stream.beat_at:
                    stream.beat_at = now + self.limits.heartbeat_seconds
                    if await self._still_signed_in(stream):
                        listener.beat()
                    else:
                        listener.end(CutOff.CREDENTIALS_ENDED)
            else:
                stream.cut_at = stream.cut_at or now
                if now - stream.cut_at > self.limits.stuck_seconds and stream.task is not None:
                    stream.task.cancel()

    async def _still_signed_in(self, stream: OpenStream) -> bool:
        if stream.authorization is None:
            return True
        try:
            await self._auth.principal(stream.authorization)
        except Unauthenticated:
            return False
        return True

    async def _farewell(self) -> None:
        self._closing = True
        for stream in list(self._open):
            stream.listener.end(CutOff.SHUTTING_DOWN)
        if self._open:
            await asyncio.wait([s.task for s in self._open if s.task is not None], timeout=FAREWELL_SECONDS)
        for stream in list(self._open):
            if stream.task is not None:
                stream.task.cancel()
