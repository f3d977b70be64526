"""Trials on graphs of several kinds and shares are told apart, and only those of one are compared."""

from __future__ import annotations

from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from kgtuner.defaults import default_for
from kgtuner.execution.storage import RESULT
from kgtuner.plots.transfer import transfer_sentence
from kgtuner.tuning.evidence import pairs_of
from kgtuner.tuning.fidelity import GRAPH, comparable, fidelity_of
from kgtuner.tuning.kept_models import DEFAULT


def trial(value: float | None, graph: str | None = None, number: int = 0, rate: float = 0.1) -> FrozenTrial:
    attrs: dict[str, Any] = {} if graph is None else {GRAPH: graph}
    return optuna.trial.create_trial(
        state=TrialState.FAIL if value is None else TrialState.COMPLETE,
        value=value,
        params={"optimizer.learning_rate": rate},
        distributions={"optimizer.learning_rate": optuna.distributions.FloatDistribution(0.0, 1.0)},
        user_attrs=attrs,
    )


@pytest.mark.parametrize(
    ("stage", "graph", "told"),
    [
        ("subgraph", None, "walk 25%"),
        ("subgraph", "random_walk-0.2", "walk 20%"),
        ("subgraph", "k_core-0.4", "core 40%"),
        ("full", "full", "full"),
        ("full", None, "full"),
    ],
)
def test_a_graph_is_told_by_its_kind_and_share(stage: str, graph: str | None, told: str) -> None:
    assert fidelity_of(stage, trial(0.5, graph), 0.25) == told


def test_a_high_value_on_a_small_core_does_not_beat_the_largest_core() -> None:
    trials = [
        trial(0.9, "k_core-0.1"),
        trial(0.3, "k_core-0.2"),
        trial(0.4, "k_core-0.2"),
        trial(None, "k_core-0.4"),
    ]
    assert [t.value for t in comparable(trials)] == [0.3, 0.4]


def test_without_several_graphs_all_trials_with_a_value_compare() -> None:
    assert [t.value for t in comparable([trial(0.9), trial(None), trial(0.3)])] == [0.9, 0.3]
    assert comparable([]) == []


def test_pairs_are_of_one_subgraph_each_and_of_the_first_training_on_the_full_graph() -> None:
    small = [trial(0.9, "k_core-0.1"), trial(0.5, "k_core-0.2"), trial(0.7, "k_core-0.1", rate=0.2)]
    pairs = pairs_of({"subgraph": small, "full": [trial(0.3, "full"), trial(0.4, "full")]}, 0.2)
    assert pairs[["fidelity", "subgraph", "full"]].to_numpy().tolist() == [
        ["core 10%", 0.9, 0.3],
        ["core 20%", 0.5, 0.3],
    ]
    assert transfer_sentence(pairs) == (
        "core 10%: 1 configuration went to the full graph: too few for a rank correlation. "
        "core 20%: 1 configuration went to the full graph: too few for a rank correlation."
    )


def test_a_default_is_paired_with_its_configuration_on_the_subgraph_at_any_size() -> None:
    default = default_for("complex", 20_000, all_entities=True)
    names = ("training.mode", "negatives.name", "model.dimension", "regularizer.weight")
    asked = {name: default.flat()[name] for name in names}

    def with_params(value: float, params: dict[str, Any], **attrs: Any) -> FrozenTrial:
        distributions = {
            name: optuna.distributions.CategoricalDistribution([v]) for name, v in params.items()
        }
        return optuna.trial.create_trial(
            value=value, params=params, distributions=distributions, user_attrs=attrs
        )

    small = [
        with_params(0.9, asked | {"training.mode": "one_vs_all"}),
        with_params(0.8, asked | {"regularizer.weight": 0.5}),
        with_params(0.7, asked | {"model.dimension": 64}),
    ]
    full = with_params(0.3, {}, **{DEFAULT: "complex", RESULT: {"config": default.to_mapping()}})
    pairs = pairs_of({"subgraph": small, "full": [full]}, 0.2)
    assert pairs[["subgraph", "full", "default"]].to_numpy().tolist() == [[0.7, 0.3, True]]
