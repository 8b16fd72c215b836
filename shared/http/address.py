"""The address that a request comes from, behind proxies that are trusted to say so."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from fastapi import Request


def client_address(request: Request, trusted: Sequence[str]) -> str:
    """The peer, or where it is one of `trusted` (networks: `10.0.0.0/8`) the last address of X-Forwarded-For that is
    not. Whatever else that header claims was written by the sender. Empty if there is no peer.
    """
    peer = request.client.host if request.client else ""
    if not trusted:
        return peer
    networks = _networks(tuple(trusted))
    hops = [hop.strip() for line in request.headers.getlist("x-forwarded-for") for hop in line.split(",")]
    address = peer
    for hop in [*reversed(hops), ""]:
        if not _within(address, networks):
            break
        if not _is_address(hop):
            break
        address = hop
    return address


@lru_cache(maxsize=8)
def _networks(given: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(each, strict=False) for each in given)


def _within(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return any(ip in network for network in networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
