"""What a seed means."""

import pytest

from tests.chaos import faults
from tests.chaos.faults import FAULTS, plan


def test_every_kind_comes_once_before_any_comes_twice() -> None:
    planned = plan(7, 2 * len(FAULTS), long=True, three=True)
    kinds = set(FAULTS) - faults.ONE_ONLY
    assert set(planned[: len(kinds)]) == set(planned[len(kinds) : 2 * len(kinds)]) == kinds


def test_a_seed_means_the_same_order_where_some_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = plan(7, 200, long=True, three=False)
    monkeypatch.setattr(faults, "FAKETIME", None)
    short = plan(7, 150, long=False, three=False)
    left_out = faults.LONG_ONLY | faults.CLOCK
    assert short == [name for name in whole if name not in left_out][:150]


def test_parts_between_commas_each_name_some_kinds() -> None:
    assert set(plan(7, 30, long=True, three=False, only="kill intake,poison")) == {
        "kill intake api",
        "kill intake worker",
        "poison",
    }
