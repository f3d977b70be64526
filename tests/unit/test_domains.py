"""What a domain contains, draws and narrows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgtuner.domains import Choices, Domain, Float, Integer
from kgtuner.errors import ConfigError

DOMAINS: list[Domain] = [
    Float(-1.0, 2.0),
    Float(1e-5, 1.0, log=True),
    Float(3.0, 3.0),
    Float(1e-300, 1e300, log=True),
    Integer(-2, 3),
    Integer(1, 1000, log=True),
    Integer(7, 7),
    Choices(("a", "b", None, True, 0.5)),
]


@pytest.mark.parametrize("domain", DOMAINS, ids=str)
def test_draws_lie_inside(domain: Domain) -> None:
    rng = np.random.default_rng(0)
    assert all(domain.contains(domain.sample(rng)) for _ in range(300))


@given(low=st.integers(1, 50), width=st.integers(0, 50), log=st.booleans(), seed=st.integers(0, 99))
def test_whole_numbers_are_drawn_as_such_between_both_ends(
    low: int, width: int, log: bool, seed: int
) -> None:
    drawn = Integer(low, low + width, log).sample(np.random.default_rng(seed))
    assert type(drawn) is int
    assert low <= drawn <= low + width


def test_both_ends_of_a_whole_range_are_drawn() -> None:
    rng = np.random.default_rng(0)
    for log in (False, True):
        assert {Integer(2, 4, log).sample(rng) for _ in range(200)} == {2, 3, 4}


def test_log_draws_have_as_much_weight_in_each_decade() -> None:
    rng = np.random.default_rng(0)
    drawn = np.array([Float(1e-4, 1.0, log=True).sample(rng) for _ in range(4000)])
    shares = np.histogram(np.log10(drawn), bins=[-4, -3, -2, -1, 0])[0] / 4000
    assert shares == pytest.approx([0.25] * 4, abs=0.03)  # four standard deviations


def test_draws_follow_the_generator() -> None:
    for domain in DOMAINS:
        first, again = (
            [domain.sample(rng) for _ in range(5)]
            for rng in (np.random.default_rng(1), np.random.default_rng(1))
        )
        assert first == again


@pytest.mark.parametrize(
    ("domain", "inside", "outside"),
    [
        (Float(0.0, 1.0), [0, 1, 0.5], [-0.1, 1.1, "0.5", None, True, float("nan"), float("inf")]),
        (Integer(1, 5), [1, 5, 3.0], [0, 6, 2.5, "3", None, True, float("nan")]),
        (Choices((1, "x", None)), [1, 1.0, "x", None], [2, "y", True, False]),
        (Choices((True, False)), [True, False], [1, 0, None]),
    ],
)
def test_contains(domain: Domain, inside: list[Any], outside: list[Any]) -> None:
    assert all(domain.contains(value) for value in inside)
    assert not any(domain.contains(value) for value in outside)


def test_narrower_means_inside_and_of_the_same_kind() -> None:
    assert Float(0.2, 0.4).narrows(Float(0.0, 1.0))
    assert Float(0.0, 1.0).narrows(Float(0.0, 1.0))
    assert not Float(0.2, 1.4).narrows(Float(0.0, 1.0))
    assert not Integer(1, 2).narrows(Float(0.0, 3.0))
    assert Integer(1, 2).narrows(Integer(0, 3))
    assert not Integer(-1, 2).narrows(Integer(0, 3))
    assert Choices((2,)).narrows(Integer(0, 3))
    assert Choices(("a",)).narrows(Choices(("a", "b")))
    assert not Choices(("a", "c")).narrows(Choices(("a", "b")))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Float(2.0, 1.0), r"low <= high, both finite, got \[2.0, 1.0\]"),
        (lambda: Float(0.0, float("inf")), "both finite"),
        (lambda: Float(0.0, 1.0, log=True), "a log range must be above 0"),
        (lambda: Integer(2, 1), r"low <= high, got \[2, 1\]"),
        (lambda: Integer(0, 1, log=True), "a log range must be above 0"),
        (lambda: Choices(()), "must not be empty"),
        (lambda: Choices(("a", "a")), "must not repeat itself"),
    ],
)
def test_domain_that_cannot_be_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


def test_domains_print_as_a_reader_would_write_them() -> None:
    assert [str(d) for d in (Float(1e-5, 1.0, log=True), Integer(1, 5), Choices(("a", 2)))] == [
        "[1e-05, 1] log",
        "[1, 5] whole",
        "a, 2",
    ]
