"""kgtuner.space.paper: the paper's names."""

from __future__ import annotations

from typing import Any

import pytest

from kgtuner.config import TrialConfig
from kgtuner.errors import ConfigError
from kgtuner.losses import LOSSES
from kgtuner.models import MODELS
from kgtuner.models.base import INITIALIZERS
from kgtuner.regularizers import REGULARIZERS
from kgtuner.space import paper
from kgtuner.training.optimizers import OPTIMIZERS

# The published RotatE on WN18RR, digits shortened.
ROTATE: dict[str, Any] = {
    "num_negatives": 2048, "loss": "BCE_adv", "gamma": 3.78, "adversarial_temperature": 1.66,
    "regularizer": "FRO",
    "regularization_weight": 5.1e-08, "dropout": 0.004, "optimizer": "adam", "learning_rate": 0.0012,
    "initializer": "xavier_norm", "batch_size": 512, "dimension": 1000, "share_inverse_relation": True,
    "embedding_range": 0.01, "filter_false_negatives": True, "label_smoothing": 0.0,
}  # fmt: skip


def test_a_published_configuration_in_our_words() -> None:
    assert paper.from_published("RotatE", ROTATE) == {
        "model": {
            "name": "rotate", "dimension": 1000, "inverse_relations": "shared", "dropout": 0.004,
            "initializer": "xavier_normal", "initializer_scale": 0.01, "margin": 3.78,
        },
        "loss": {"name": "bce_adversarial", "adversarial_temperature": 1.66},
        "regularizer": {"name": "frobenius", "weight": 5.1e-08},
        "negatives": {"name": "independent", "num_negatives": 2048, "filtered": True},
        "optimizer": {"name": "adam", "learning_rate": 0.0012},
        "training": {"mode": "negative_sampling", "batch_size": 512, "frequency_weights": True},
    }  # fmt: skip


def test_training_against_all_entities_has_no_negatives_and_sums_cross_entropy() -> None:
    given = {
        **ROTATE,
        "num_negatives": "kVsAll",
        "loss": "CE",
        "regularizer": "None",
        "share_inverse_relation": False,
    }
    ours = paper.from_published("ComplEx", given)
    assert ours["training"]["mode"] == "k_vs_all"
    assert ours["loss"] == {"name": "cross_entropy", "reduction": "sum"}
    assert ours["regularizer"] == {"name": "none"}
    assert ours["model"]["inverse_relations"] == "independent"
    assert "margin" not in ours["model"]
    assert "negatives" not in ours


def test_gamma_is_the_margin_of_margin_ranking() -> None:
    assert paper.from_published("DistMult", {**ROTATE, "loss": "MR"})["loss"] == {
        "name": "margin_ranking", "margin": 3.78,
    }  # fmt: skip


def test_tucker_scores_go_through_a_sigmoid() -> None:
    ours = paper.from_published("TuckER", {**ROTATE, "tucker_drop1": 0.1, "tucker_drop2": 0.2})
    assert ours["model"]["sigmoid"] is True
    assert ours["model"]["matrix_dropout"] == 0.1
    assert ours["model"]["query_dropout"] == 0.2


@pytest.mark.parametrize("model", paper.MODELS)
def test_every_published_model_gives_a_configuration_that_loads(model: str) -> None:
    assert TrialConfig.from_mapping(paper.from_published(model, ROTATE)).model.name == paper.MODELS[model]


def test_the_tables_name_parts_that_exist() -> None:
    for ours, table in [
        (paper.MODELS, MODELS),
        (paper.LOSSES, LOSSES),
        (paper.REGULARIZERS, REGULARIZERS),
        (paper.INITIALIZERS, INITIALIZERS),
        (paper.OPTIMIZERS, OPTIMIZERS),
    ]:
        assert set(ours.values()) <= set(table)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"loss": "BCE"}, "unknown published loss 'BCE'"),
        ({"drop": 1}, "unknown published key 'drop'. Did you mean 'dropout'?"),
        ({"num_negatives": "1vsall"}, "unknown published train type '1vsall'"),
        ({"tucker_drop1": 0.1}, "unknown published key 'tucker_drop1'"),
    ],
)
def test_an_unknown_name_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        paper.from_published("ComplEx", {**ROTATE, **change})


def test_a_missing_key_is_named() -> None:
    with pytest.raises(ConfigError, match="needs 'dimension'"):
        paper.from_published("ComplEx", {key: value for key, value in ROTATE.items() if key != "dimension"})
