"""What keeps a flood of reports without a key out: token buckets by network of the sender, and by what and where.

Each process has its own, in memory and bounded: a bucket that is full again is forgotten, and where very many are in
use the one that was used longest ago. A flood from so many networks meets the bucket that all of them share.
"""

from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Final, NamedTuple

from shared.kernel.errors import TooMany

# Some 50 m: what several people see at once, and what one would name to fill a case with the same again and again.
CELL_DEGREES: Final = 0.0005
ROOM: Final = 20_000


class AnonymousTooMany(TooMany):
    slug, title, title_zh = "too-many-anonymous", "Too many reports without a key", "匿名上报过于频繁"


class Flow(NamedTuple):
    """`burst` at once, then one every `every_s` seconds."""

    burst: int
    every_s: float


class Buckets:
    """Token buckets by name, kept as the instant at which each is full again: 0.3 kB each, at most `room` of them."""

    def __init__(self, flow: Flow, room: int = ROOM) -> None:
        self._flow = flow
        self._room = room
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def wait(self, name: str, now: float) -> float:
        """Take a token: 0.0. Where there is none: the seconds until there is, and nothing is taken.

        A `now` that lies before the last one adds nothing.
        """
        burst, every = self._flow
        full_at = max(now, self._full_at.get(name, now))
        early = full_at - now - (burst - 1) * every
        if early > 1e-9:
            return early
        self._full_at[name] = full_at + every
        self._full_at.move_to_end(name)
        while len(self._full_at) > self._room:
            self._full_at.popitem(last=False)
        return 0.0

    def forget_full(self, now: float) -> None:
        """Forget those that are full: they are as if they had never been."""
        for name in [name for name, full_at in self._full_at.items() if full_at <= now]:
            del self._full_at[name]


class Shield:
    """`network`: for a /24 of IPv4 or a /64 of IPv6. `spot`: for a category in a cell. `whole`: for everybody."""

    def __init__(self, network: Flow, spot: Flow, whole: Flow, monotonic: Callable[[], float]) -> None:
        self.networks, self.spots, self.whole = Buckets(network), Buckets(spot), Buckets(whole, 1)
        self._now = monotonic

    def admit_sender(self, address: str) -> None:
        """Raises AnonymousTooMany. Before anything of the report is read."""
        now = self._now()
        _refuse(self.networks.wait(network_of(address), now), "from this network")
        _refuse(self.whole.wait("", now), "at this moment")

    def admit_spot(self, category: str, cell: str) -> None:
        """Raises AnonymousTooMany: many of one kind in one place are one matter."""
        _refuse(self.spots.wait(f"{category} {cell}", self._now()), "of this category in this place")

    def tidy(self) -> None:
        """Call it now and then: memory goes back when a flood is over."""
        now = self._now()
        self.networks.forget_full(now)
        self.spots.forget_full(now)


def network_of(address: str) -> str:
    """The /24 or /64 that an address lies in; an address that is none is a network of its own kind."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if ip.version == 6 and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return str(ip_network((ip, 24 if ip.version == 4 else 64), strict=False))


def cell_of(lon: float, lat: float) -> str:
    return f"{round(lon / CELL_DEGREES)},{round(lat / CELL_DEGREES)}"


def _refuse(wait: float, what: str) -> None:
    if wait > 0:
        seconds = max(1, round(wait + 0.5))
        raise AnonymousTooMany(
            f"too many reports without a key {what}; send it again in {seconds} s, or with an app's key",
            facts={"retry_after": seconds},
        )
