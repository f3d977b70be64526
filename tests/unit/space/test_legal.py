"""kgtuner.space.legal: what the classes in the tables say about themselves."""

from __future__ import annotations

import numpy as np
import pytest

from kgtuner.config import TrialConfig
from kgtuner.domains import Choices
from kgtuner.errors import ConfigError
from kgtuner.losses import LOSSES
from kgtuner.models import MODELS
from kgtuner.space.legal import legal_space


@pytest.mark.parametrize("name", MODELS)
def test_each_model_has_a_space_whose_configurations_load(name: str) -> None:
    space = legal_space([name])
    for seed in range(20):
        drawn = space.sample(np.random.default_rng(seed))
        assert TrialConfig.from_flat(drawn).model.name == name
        assert drawn["model.dimension"] % MODELS[name].DIMENSION_MULTIPLE == 0


def test_parts_that_need_sampled_negatives_only_get_those() -> None:
    space = legal_space(list(MODELS))
    for seed in range(300):
        drawn = space.sample(np.random.default_rng(seed))
        sampled = drawn["training.mode"] == "negative_sampling"
        everything = MODELS[drawn["model.name"]].ALL_ENTITIES and LOSSES[drawn["loss.name"]].ALL_ENTITIES
        assert sampled or everything
        assert ("negatives.num_negatives" in drawn) == sampled


def test_options_apply_to_the_parts_that_have_them() -> None:
    space = legal_space(["complex", "rotate"])
    for seed in range(100):
        drawn = space.sample(np.random.default_rng(seed))
        assert ("model.margin" in drawn) == (drawn["model.name"] == "rotate")
        assert ("loss.margin" in drawn) == (drawn["loss.name"] == "margin_ranking")
        assert ("loss.adversarial_temperature" in drawn) == (drawn["loss.name"] == "bce_adversarial")
        assert ("regularizer.weight" in drawn) == (drawn["regularizer.name"] != "none")


def test_a_graph_with_too_many_entities_is_sampled() -> None:
    space = legal_space(["complex"], all_entities=False)
    modes = {space.sample(np.random.default_rng(seed))["training.mode"] for seed in range(30)}
    assert modes == {"negative_sampling"}


def test_dimensions_suit_every_model_of_a_joint_space() -> None:
    domain = legal_space(["complex", "autosf"]).by_name["model.dimension"].domain
    assert isinstance(domain, Choices)
    assert domain.values[:3] == (4, 8, 12)


def test_unknown_and_no_models_are_refused() -> None:
    with pytest.raises(ConfigError, match="unknown model 'rotat'"):
        legal_space(["rotat"])
    with pytest.raises(ConfigError, match="at least one model"):
        legal_space([])
