"""How often one address may ask: a bucket that fills steadily and holds five seconds' worth."""

from collections import OrderedDict

BURST_SECONDS = 5.0


class Allowance:
    """Remembers up to `addresses` of those who asked last; who is forgotten starts with a full bucket."""

    def __init__(self, per_second: float, addresses: int = 10_000) -> None:
        self._rate = per_second
        self._most = per_second * BURST_SECONDS
        self._addresses = addresses
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str, now: float) -> bool:
        """True if `address` may ask now; `now` is in seconds of any clock that never goes back."""
        left, at = self._buckets.pop(address, (self._most, now))
        left = min(self._most, left + (now - at) * self._rate)
        allowed = left >= 1
        self._buckets[address] = (left - 1 if allowed else left, now)
        if len(self._buckets) > self._addresses:
            self._buckets.popitem(last=False)
        return allowed
