"""An event as it goes out on a stream: rendered once, shared by every client that hears it."""

from typing import NamedTuple

from shared.kernel.area import AreaPath


class Frame(NamedTuple):
    """One event of the log.

    `prefixes` are all areas whose listeners hear of it, the whole city ('') first: those that cover the place where
    the case is now, and those that cover the place it has left. `payload` is the complete server-sent event.
    """

    position: int
    type: str
    prefixes: tuple[str, ...]
    category: str | None
    unit: str | None
    payload: bytes


def prefixes_of(routing_key: str, routing_key_from: str | None = None) -> tuple[str, ...]:
    """Every area that covers either key, each once, the whole city first."""
    if routing_key_from is None or routing_key_from == routing_key:
        return ("", *AreaPath(routing_key).prefixes())
    return tuple(dict.fromkeys(("", *AreaPath(routing_key).prefixes(), *AreaPath(routing_key_from).prefixes())))


def render(position: int, type_: str, event: bytes) -> bytes:
    """`id:`, `event:`, `data:`. `event` is JSON on one line, as every structured event in the log is."""
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (position, type_.encode(), event)


# A comment is sent as one line and not followed by a blank one: widespread client libraries take a blank line after
# an `id:` once seen for an (empty) event.
HEARTBEAT = b": still here\n"


def opening(position: int) -> bytes:
    """The first line of a stream; `retry` tells a browser to wait two seconds before it connects again."""
    return b": stream from %d\nretry: 2000\n" % position


def cut_off(reason: str, position: int) -> bytes:
    """The last event of a stream that we end. Its `id` makes a browser resume from the right place by itself."""
    data = b'{"reason":"%b","resume_from":"%d"}' % (reason.encode(), position)
    return b"id: %d\nevent: cut_off\ndata: %b\n\n" % (position, data)


def reset(reason: str, position: int) -> bytes:
    """Events between the client's token and `position` are not there: what it shows must be loaded afresh."""
    data = b'{"reason":"%b","continues_from":"%d"}' % (reason.encode(), position)
    return b"id: %d\nevent: reset\ndata: %b\n\n" % (position, data)
