"""Reports without a key: so many from a network, of a kind in a place, and in all; in bounded memory."""

import tracemalloc

import pytest

from services.intake.domain.shield import ROOM, AnonymousTooMany, Buckets, Flow, Shield, cell_of, network_of


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def shield(time: Time, **flows: Flow) -> Shield:
    easy = Flow(1_000_000, 0.001)
    return Shield(flows.get("network", easy), flows.get("spot", easy), flows.get("whole", easy), time)


def test_a_bucket_gives_its_burst_and_then_one_at_a_time():
    bucket = Buckets(Flow(3, 10.0))
    assert [bucket.wait("a", 0.0) for _ in range(4)] == [0, 0, 0, 10]
    assert bucket.wait("a", 4.0) == pytest.approx(6)
    assert bucket.wait("a", 10.0) == 0
    assert bucket.wait("a", 10.0) == pytest.approx(10)
    assert bucket.wait("b", 10.0) == 0


def test_a_clock_that_goes_back_gives_nothing():
    bucket = Buckets(Flow(2, 10.0))
    assert [bucket.wait("a", 100.0) for _ in range(3)] == [0, 0, 10]
    assert bucket.wait("a", 50.0) > 10


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("::ffff:203.0.113.9", "203.0.113.0/24"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("not an address", "unknown"),
    ],
)
def test_a_sender_is_its_network(address, network):
    assert network_of(address) == network


def test_neighbours_in_a_network_share_and_other_networks_do_not_suffer():
    time = Time()
    guard = shield(time, network=Flow(2, 60.0))
    guard.admit_sender("203.0.113.1")
    guard.admit_sender("203.0.113.2")
    with pytest.raises(AnonymousTooMany) as refused:
        guard.admit_sender("203.0.113.3")
    assert refused.value.facts["retry_after"] == 60
    guard.admit_sender("203.0.114.3")
    time.now += 60
    guard.admit_sender("203.0.113.3")


def test_the_same_kind_in_the_same_place_is_bounded_whoever_sends():
    guard = shield(Time(), spot=Flow(2, 60.0))
    here, near, far = cell_of(116.30001, 39.90001), cell_of(116.30004, 39.90003), cell_of(116.31, 39.9)
    guard.admit_spot("01001", here)
    guard.admit_spot("01001", near)
    with pytest.raises(AnonymousTooMany):
        guard.admit_spot("01001", here)
    guard.admit_spot("01002", here)
    guard.admit_spot("01001", far)


def test_a_flood_from_everywhere_meets_the_bucket_of_all():
    guard = shield(Time(), network=Flow(1, 60.0), whole=Flow(100, 0.01))
    admitted = 0
    for n in range(1_000):
        try:
            guard.admit_sender(f"10.{n >> 8}.{n & 255}.1")
            admitted += 1
        except AnonymousTooMany:
            pass
    assert admitted == 100


def test_a_hundred_thousand_addresses_do_not_grow_memory():
    time = Time()
    guard = shield(time, network=Flow(10, 60.0))
    tracemalloc.start()
    for n in range(100_000):
        guard.admit_sender(f"{10 + (n >> 16)}.{n >> 8 & 255}.{n & 255}.1")
        guard.admit_spot("01001", str(n))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(guard.networks) == ROOM
    assert len(guard.spots) == ROOM
    assert held < 2 * ROOM * 400
    time.now += 3600
    guard.tidy()
    assert (len(guard.networks), len(guard.spots)) == (0, 0)


def test_who_used_a_bucket_last_keeps_it_when_others_crowd_in():
    bucket = Buckets(Flow(1, 1000.0), room=3)
    for name in "abcd":
        assert bucket.wait(name, 0.0) == 0
    assert bucket.wait("d", 0.0) > 0
    assert bucket.wait("b", 0.0) > 0
    assert bucket.wait("a", 0.0) == 0  # forgotten: the oldest
