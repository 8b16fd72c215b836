"""Where a request comes from: the peer, and only where it is trusted what it says."""

import pytest
from fastapi import Request

from shared.http.address import client_address

TRUSTED = ["10.0.0.0/8", "fd00::/8", "192.0.2.7"]


def request(peer: str, *forwarded: str) -> Request:
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    return Request({"type": "http", "client": (peer, 1234), "headers": headers})


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("203.0.113.5", [], "203.0.113.5"),
        ("203.0.113.5", ["198.51.100.1"], "203.0.113.5"),
        ("10.1.2.3", ["198.51.100.1"], "198.51.100.1"),
        ("10.1.2.3", ["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
        ("10.1.2.3", ["6.6.6.6, 198.51.100.1, 10.9.9.9"], "198.51.100.1"),
        ("10.1.2.3", ["6.6.6.6", "198.51.100.1", "fd00::1"], "198.51.100.1"),
        ("10.1.2.3", ["10.9.9.9"], "10.9.9.9"),
        ("10.1.2.3", ["198.51.100.1, nonsense"], "10.1.2.3"),
        ("10.1.2.3", [], "10.1.2.3"),
        ("192.0.2.7", ["2001:db8::5"], "2001:db8::5"),
        ("testclient", ["198.51.100.1"], "testclient"),
    ],
)
def test_the_last_address_that_no_proxy_of_ours_has(peer, forwarded, found):
    assert client_address(request(peer, *forwarded), TRUSTED) == found


def test_without_trusted_proxies_nothing_is_believed():
    assert client_address(request("10.1.2.3", "198.51.100.1"), []) == "10.1.2.3"


def test_without_a_peer_it_is_empty():
    assert client_address(Request({"type": "http", "client": None, "headers": []}), TRUSTED) == ""
