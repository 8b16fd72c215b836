"""Webhooks: where one may point, when a failed delivery is tried again, when we give up.

Addresses: what IANA does not list as globally reachable is refused (`ipaddress`), and so are multicast and the ranges
that carry an IPv4 address inside an IPv6 one, judged by the address inside.
Retries: the first after 2 s, doubling to 10 minutes (both settings), each drawn between half and the whole of it, so
that a receiver that comes back is not met by everything at once.
"""

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from shared.kernel.errors import FieldError, Invalid, NotFound

MAX_URL: Final = 2048
# A receiver that fails so often without a success between is taken to be down as a whole: it is left in peace for the
# length of a retry, and then asked with one event.
DOWN_AFTER: Final = 5

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class State(StrEnum):
    """`disabled`: nothing is sent until it is enabled again; its place in the log is kept."""

    ACTIVE = "active"
    DISABLED = "disabled"


class BadWebhookUrl(Invalid):
    slug, title, title_zh = "bad-webhook-url", "Not a URL a webhook may have", "回调地址无效"


class TargetNotAllowed(Invalid):
    slug, title, title_zh = (
        "webhook-target-not-allowed",
        "The webhook points into a private network",
        "回调地址指向内网",
    )


class WebhookUnknown(NotFound):
    slug, title, title_zh = "webhook-unknown", "No such webhook", "回调不存在"


class TooManyWebhooks(Invalid):
    slug, title, title_zh = "too-many-webhooks", "Too many webhooks", "回调数量超限"


def _bad(detail: str, message: str) -> BadWebhookUrl:
    return BadWebhookUrl(detail, errors=[FieldError("/url", message)])


def read_target(url: str) -> tuple[str, int]:
    """Host and port that `url` names. Raises BadWebhookUrl."""
    if len(url) > MAX_URL or not url.isascii() or any(c.isspace() or ord(c) < 32 for c in url):
        raise _bad(f"the url has {len(url)} characters", f"at most {MAX_URL} ASCII characters, none of them blank")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _bad(f"the url cannot be read: {error}", "an absolute URL: https://example.org/hook") from None
    if parts.scheme not in ("http", "https") or not host:
        raise _bad(f"{url[:80]!r} is not an http(s) URL", "an absolute URL: https://example.org/hook")
    if parts.username is not None or parts.password is not None:
        raise _bad("the url carries a user name or password", "no credentials in the URL; verify our signature instead")
    if parts.fragment:
        raise _bad("the url has a fragment", "nothing after '#'")
    return host, port or (443 if parts.scheme == "https" else 80)


def is_public(address: str) -> bool:
    """Whether `address` (IPv4 or IPv6, no name) is reachable from the whole internet."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inside = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inside is None and ip in _NAT64:
            inside = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        if inside is not None:
            return inside.is_global and not inside.is_multicast
        if ip.is_site_local:
            return False
    return ip.is_global and not ip.is_multicast


def allowed_address(host: str, addresses: Sequence[str], *, private_allowed: bool) -> str:
    """The address to connect to. Every address of the name must be allowed, not only the one taken.

    Raises TargetNotAllowed. Resolving again later is no way around it: whoever connects uses the address returned.
    """
    if not addresses:
        raise _bad(f"{host} does not resolve to an address", "a host name that resolves")
    if not private_allowed:
        for address in addresses:
            if not is_public(address):
                raise TargetNotAllowed(
                    f"{host} resolves to {address}, which is private, loopback or link-local; "
                    "only public addresses are called unless WANGGE_WEBHOOK_PRIVATE_TARGETS is set",
                    errors=[FieldError("/url", f"{address} is not a public address")],
                )
    return addresses[0]


def retry_after(attempts: int, first: timedelta, longest: timedelta, chance: float) -> timedelta:
    """How long to wait after the `attempts`-th failure; `chance` is a random number in [0, 1)."""
    whole: timedelta = min(first * 2 ** min(max(attempts, 1) - 1, 20), longest)
    wait: timedelta = whole * (0.5 + chance / 2)
    return wait


def gives_up(failing_since: datetime | None, now: datetime, after: timedelta) -> bool:
    """Whether a receiver has failed for so long, without one success, that its webhook is disabled."""
    return failing_since is not None and now - failing_since >= after


def is_delivered(status: int) -> bool:
    """Standard Webhooks: any 2xx is a receipt. A redirect is not followed and counts as a failure."""
    return 200 <= status < 300


def is_gone(status: int) -> bool:
    """Standard Webhooks: 410 says the receiver wants no more, ever."""
    return status == 410
