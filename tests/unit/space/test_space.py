"""kgtuner.space.space: what a configuration must have, and how a space is narrowed."""

from __future__ import annotations

import numpy as np
import pytest

from kgtuner.domains import Choices, Float
from kgtuner.errors import ConfigError
from kgtuner.space import Condition, Constraint, Parameter, Space


def small_space() -> Space:
    return Space(
        [
            Parameter("mode", Choices(("sampled", "all"))),
            Parameter("count", Choices((8, 32, 128), ordered=True), Condition({"mode": ("sampled",)})),
            Parameter("loss", Choices(("ranking", "entropy"))),
            Parameter("margin", Float(1.0, 24.0), Condition({"loss": ("ranking",)})),
            Parameter("rate", Float(1e-5, 1.0, log=True)),
        ],
        [Constraint({"mode": ("all",), "loss": ("ranking",)}, "ranking needs sampled negatives")],
    )


VALID = {"mode": "sampled", "count": 8, "loss": "ranking", "margin": 9.0, "rate": 0.1}


def test_a_valid_configuration_passes() -> None:
    small_space().validate(VALID)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"rat": 0.1}, "unknown parameter 'rat'. Did you mean 'rate'?"),
        ({"rate": 2.0}, r"rate must be in \[1e-05, 1\] log, got 2.0"),
        ({"count": 9}, "count must be one of 8, 32, 128, got 9"),
        ({"loss": "entropy"}, "margin is given, but it applies only when loss is ranking"),
        ({"mode": "all", "count": None}, "mode = all, loss = ranking cannot work: ranking needs sampled neg"),
        ({"margin": None}, r"margin is missing; it must be in \[1, 24\]"),
    ],
)
def test_an_invalid_configuration_is_refused_in_a_sentence(change: dict[str, object], sentence: str) -> None:
    given = {name: value for name, value in {**VALID, **change}.items() if value is not None}
    with pytest.raises(ConfigError, match=sentence):
        small_space().validate(given)


def test_active_lists_what_applies_in_order() -> None:
    assert small_space().active({"mode": "all", "loss": "ranking"}) == ["mode", "loss", "margin", "rate"]
    assert small_space().restricted({**VALID, "loss": "entropy", "other": 1}) == {
        "mode": "sampled", "count": 8, "loss": "entropy", "rate": 0.1,
    }  # fmt: skip


def test_a_chain_of_conditions_ends_where_its_first_link_fails() -> None:
    space = Space(
        [
            Parameter("a", Choices(("on", "off"))),
            Parameter("b", Choices(("on", "off")), Condition({"a": ("on",)})),
            Parameter("c", Float(0, 1), Condition({"b": ("on",)})),
        ]
    )
    assert space.active({"a": "off", "b": "on", "c": 0.5}) == ["a"]
    drawn = [space.sample(np.random.default_rng(seed)) for seed in range(40)]
    assert {tuple(sorted(d)) for d in drawn} == {("a",), ("a", "b"), ("a", "b", "c")}


def test_a_condition_must_refer_to_an_earlier_parameter() -> None:
    with pytest.raises(ConfigError, match="'margin' names 'loss', which must come before it"):
        Space(
            [
                Parameter("margin", Float(1, 24), Condition({"loss": ("ranking",)})),
                Parameter("loss", Choices(("ranking",))),
            ]
        )


def test_narrowing_keeps_what_is_legal_and_can_be_undone() -> None:
    narrow = small_space().narrowed({"rate": {"low": 0.01}, "count": [8, 32], "loss": "ranking"})
    assert narrow.by_name["rate"].domain == Float(0.01, 1.0, log=True)
    assert narrow.by_name["count"].domain == Choices((8, 32), ordered=True)
    wide = narrow.narrowed({"rate": {"low": 1e-5}, "count": [8, 32, 128], "loss": ["ranking", "entropy"]})
    assert wide.parameters == small_space().parameters


def test_a_parameter_that_can_never_apply_is_left_out_and_can_come_back() -> None:
    narrow = small_space().narrowed({"loss": "entropy"})
    assert narrow.names == ["mode", "count", "loss", "rate"]
    assert narrow.narrowed({"loss": ["ranking", "entropy"]}).names == small_space().names


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rate": {"low": 1e-9}}, r"rate must be in \[1e-05, 1\] log, got \[1e-09, 1\]"),
        ({"rate": {"low": 0.5, "high": 0.1}}, "rate needs low <= high, got low 0.5 and high 0.1"),
        ({"rate": {"lo": 0.5}}, "unknown key in rate 'lo'. Did you mean 'low'?"),
        ({"rate": {"low": "x"}}, "rate needs numbers as low and high, got 'x'"),
        ({"rate": True}, "rate must be in"),
        ({"loss": "entropi"}, "unknown loss 'entropi'. Did you mean 'entropy'?"),
        ({"loss": {"low": 1}}, "loss takes a value or a list of ranking, entropy, got a range"),
        ({"loss": []}, "loss needs at least one choice, got an empty list"),
        ({"count": [9]}, "count must be one of 8, 32, 128, got 9"),
        ({"count": {"low": 9, "high": 20}}, r"count must be one of 8, 32, 128, got \[9, 20\]"),
        ({"lss": "entropy"}, "unknown parameter 'lss'. Did you mean 'loss'?"),
        ({"mode": "all", "loss": "ranking"}, "no valid configuration: ranking needs sampled negatives"),
    ],
)
def test_a_wrong_narrowing_is_refused_in_a_sentence(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        small_space().narrowed(changes)


def test_a_list_of_numbers_takes_the_kind_of_its_parameter() -> None:
    narrow = small_space().narrowed({"rate": [1, 0.1]})
    assert narrow.by_name["rate"].domain == Choices((0.1, 1.0), ordered=True)
    assert all(type(v) is float for v in narrow.by_name["rate"].domain.values)


def test_volume_multiplies_choices_decades_and_lengths() -> None:
    assert small_space().volume() == pytest.approx(2 * 3 * 2 * 23 * 5)


def test_the_description_names_ranges_conditions_and_constraints() -> None:
    text = str(small_space())
    assert "rate: [1e-05, 1] log" in text
    assert "margin: [1, 24]   when loss is ranking" in text
    assert "never: ranking needs sampled negatives" in text
