"""The parts of a configuration: what cannot work is refused in words, and what can has the right sizes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from kgtuner.config import TrialConfig
from kgtuner.errors import ConfigError
from kgtuner.experiment import run
from kgtuner.graph.knowledge_graph import KnowledgeGraph
from kgtuner.losses import LOSSES
from kgtuner.models import MODELS
from kgtuner.parts import build_model, check, options_of

GRAPH = KnowledgeGraph.from_arrays([(0, 0, 1), (1, 0, 2)], [(2, 0, 0)], [(0, 0, 2)])


def config(**changes: Any) -> TrialConfig:
    """ComplEx with changes, and names such as `model__name` for model.name."""
    base = TrialConfig.from_flat(
        {
            "model.name": "complex",
            "model.dimension": 8,
            "loss.name": "bce_mean",
            "negatives.name": "independent",
            "negatives.num_negatives": 6,
            "optimizer.name": "adam",
            "optimizer.learning_rate": 0.05,
        }
    )
    return base.updated({name.replace("__", "."): value for name, value in changes.items()})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model__name": "dismult"}, "unknown model 'dismult'. Did you mean 'distmult'"),
        ({"loss__name": "cross_entropi"}, "unknown loss 'cross_entropi'. Did you mean 'cross_entropy'"),
        ({"regularizer__name": "frobenious"}, "Did you mean 'frobenius'"),
        ({"negatives__name": "sharde"}, "Did you mean 'shared'"),
        ({"optimizer__name": "adamgrad"}, "Did you mean 'adagrad'"),
        ({"model__dimenson": 3}, "unknown option of model complex 'dimenson'. Did you mean 'dimension'"),
        ({"model__margin": 3.0}, "unknown option of model complex 'margin'"),
        ({"loss__label_smooting": 0.1}, "Did you mean 'label_smoothing'"),
        ({"regularizer__name": "dura", "regularizer__wait": 0.1}, "Did you mean 'weight'"),
        ({"regularizer__weight": 0.1}, "unknown option of regularizer none 'weight'"),
        ({"negatives__num_negative": 1}, "Did you mean 'num_negatives'"),
        ({"optimizer__learningrate": 1}, "Did you mean 'learning_rate'"),
        ({"model__n_entities": 3}, "unknown option of model complex 'n_entities'"),
        ({"model__dropout": "much"}, "model complex: an option has a value of the wrong kind"),
        ({"optimizer__learning_rate": "fast"}, "optimizer adam: an option has a value of the wrong kind"),
        (
            {"loss__name": "margin_ranking", "loss__margin": "wide"},
            "loss margin_ranking: an option has a value",
        ),
        ({"optimizer__learning_rate": 10**400}, "optimizer adam: an option has a value of the wrong kind"),
        (
            {"model__name": "transe", "training__mode": "one_vs_all", "loss__name": "cross_entropy"},
            "transe works with training.mode negative_sampling only, got one_vs_all",
        ),
        (
            {"model__name": "conve", "training__queries_at_once": 8},
            "training.queries_at_once does not go with conve as configured, which normalises over its batch, got 8",
        ),
        (
            {"training__tables_on": "host", "training__mode": "one_vs_all", "loss__name": "cross_entropy"},
            "training.tables_on host works with training.mode negative_sampling only, .*, got one_vs_all",
        ),
        (
            {"training__compile": True, "training__mode": "k_vs_all", "loss__name": "cross_entropy"},
            "training.compile works with training.mode negative_sampling only, .*, got k_vs_all",
        ),
        (
            {"training__tables_on": "host", "optimizer__row_updates": "dense"},
            "training.tables_on host moves the rows of a batch only, got optimizer.row_updates dense; use sparse or",
        ),
        (
            {"training__mode": "k_vs_all", "loss__name": "bce_adversarial"},
            "bce_adversarial works with training.mode negative_sampling only, got k_vs_all",
        ),
    ],
)
def test_configuration_that_cannot_work_is_refused_before_anything_is_read(
    changes: dict[str, Any], message: str
) -> None:
    settings = config(**changes)
    for refuse in (check, lambda given: run(given, GRAPH)):
        with pytest.raises(ConfigError, match=message):
            refuse(settings)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_model_goes_with_every_loss_on_sampled_negatives(model: str, loss: str) -> None:
    check(config(model__name=model, loss__name=loss))


def test_checking_takes_neither_memory_nor_random_numbers() -> None:
    before = torch.get_rng_state()
    check(config(model__name="tucker", model__dimension=20_000))  # a core of 32 TB
    check(config(model__name="conve", model__dimension=20_000))
    assert torch.equal(torch.get_rng_state(), before)


def test_options_are_those_of_a_part_and_its_bases() -> None:
    base = ["dimension", "inverse_relations", "dropout", "initializer", "initializer_scale"]
    assert options_of(MODELS["complex"]) == base
    assert options_of(MODELS["transe"]) == ["margin", "norm", *base]
    assert options_of(LOSSES["margin_ranking"]) == ["margin"]


def test_model_is_built_with_the_sizes_of_the_graph() -> None:
    model = build_model(config().model, 15, 3)
    assert (model.entities.shape, model.relations.shape) == ((15, 8), (3, 8))
